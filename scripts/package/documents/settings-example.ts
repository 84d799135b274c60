import { SECTIONS } from '../../../src/settings/schema.ts';

const WIDTH = 120;

/** A settings file with every setting as a comment: as it stands, nothing is set. */
export function settingsExample(): string {
  const sections = Object.entries(SECTIONS).map(([name, { help, keys }]) => {
    const settings = Object.entries(keys).map(
      ([key, setting]) => `#\n${comment(setting.help)}#${key} = ${setting.example}\n`,
    );
    return `\n${comment(help)}#[${name}]\n${settings.join('')}`;
  });
  return `${comment(
    "Settings of conntrackd-ts that C's conntrackd.conf has no word for: conntrackd-ts.toml(5). To set one, remove the # before its line and before the name of its section, in brackets above it. As it stands, nothing is set.",
  )}${sections.join('')}`;
}

function comment(text: string): string {
  let lines = '';
  let line = '#';
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > WIDTH) {
      lines += `${line}\n`;
      line = '#';
    }
    line += ` ${word}`;
  }
  return `${lines}${line}\n`;
}
