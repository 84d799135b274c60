/** An element of a document: its name, its attributes, and what is in it. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly (Element | string)[];
}

const CHARACTERS: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

function unescaped(text: string): string {
  if (/[<>\p{Cs}]|[^\P{Cc}\t\n\r]/u.test(text))
    throw new Error(`not allowed in text: ${JSON.stringify(text)}`);
  return text.replace(/&(?:([^;]*);)?/g, (whole, name: string | undefined) => {
    const character = CHARACTERS[name ?? ''];
    if (character === undefined) throw new Error(`unknown entity ${whole}`);
    return character;
  });
}

/**
 * Reads a document of elements, attributes in double quotes and text, as XML 1.0 has them, and nothing else of XML.
 * @throws Error unless it is well-formed
 */
export function parseXml(document: string): Element {
  const text = document.replace(/^<\?xml [^?]*\?>\s*/, '');
  const root = { name: '', attributes: {}, children: [] as (Element | string)[] };
  const open = [root];
  for (const [token] of text.matchAll(/<[^>]*>|[^<]+/g)) {
    const inside = open.at(-1)!;
    if (!token.startsWith('<')) {
      inside.children.push(unescaped(token));
      continue;
    }
    if (token.startsWith('</')) {
      if (open.length === 1 || inside.name !== token.slice(2, -1)) throw new Error(`unexpected ${token}`);
      open.pop();
      continue;
    }
    const [, name, rest, end] = /^<([\w.-]+)((?:\s+[\w.-]+="[^"<]*")*)\s*(\/?)>$/.exec(token) ?? [];
    if (name === undefined) throw new Error(`no tag: ${token}`);
    const pairs = [...rest!.matchAll(/([\w.-]+)="([^"]*)"/g)].map(([, key, value]) => [
      key!,
      unescaped(value!),
    ]);
    const attributes = Object.fromEntries(pairs);
    if (Object.keys(attributes).length !== pairs.length) throw new Error(`an attribute twice: ${token}`);
    const element = { name, attributes, children: [] as (Element | string)[] };
    inside.children.push(element);
    if (end === '') open.push(element);
  }
  const elements = root.children.filter((child) => typeof child !== 'string');
  if (open.length !== 1 || elements.length !== 1) throw new Error('not one element that is closed');
  return elements[0]!;
}

/** The elements of this name in an element. */
export function childrenOf({ children }: Element, name: string): Element[] {
  return children.filter((child) => typeof child !== 'string').filter((child) => child.name === name);
}
