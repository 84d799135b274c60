/** Text as a line of roff: nothing in it is taken for a request or an escape. */
export function roffText(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('`', '\\(ga')
    .replace(/'/g, '\\(aq')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replace(/^\./, '\\&.');
}

export function paragraph(text: string): string {
  return text === '' ? '' : `.PP\n${roffText(text)}\n`;
}

/** A term in bold, what follows it in italics, and below it its meaning. */
export function definition(term: string, argument: string, meaning: string): string {
  const head = `\\fB${roffText(term)}\\fR${argument === '' ? '' : ` \\fI${roffText(argument)}\\fR`}`;
  return `.TP\n${head}\n${roffText(meaning)}\n`;
}

/** Lines as they are. */
export function verbatim(lines: readonly string[]): string {
  return `.PP\n.EX\n${lines.map((line) => `    ${roffText(line)}\n`).join('')}.EE\n`;
}

/** A page of its parts. mandoc objects to a paragraph that begins right behind a heading. */
export function page(parts: readonly string[]): string {
  return parts.join('').replace(/^(\.S[HS] .*\n)\.PP\n/gm, '$1');
}

export function heading(title: string): string {
  return `.SH ${roffText(title)}\n`;
}

export function subheading(title: string): string {
  return `.SS "${roffText(title).replaceAll('"', '\\(dq')}"\n`;
}

/** The first line of a page. There is no date in it: one version always gives the same page. */
export function pageHead(name: string, section: number, version: string): string {
  return `.TH ${roffText(name)} ${section} "" "conntrackd\\-ts ${roffText(version)}"\n`;
}
