import { describe, expect, it } from 'vitest';
import { screenSvg } from '../../sim/pictures/svg.ts';
import { TerminalScreen } from '../../sim/pictures/terminal-screen.ts';

function screen(output: string, columns = 6, lines = 3): TerminalScreen {
  const made = new TerminalScreen(columns, lines);
  made.write(output);
  return made;
}

function text({ rows }: TerminalScreen): string[] {
  return rows.map((row) =>
    row
      .map((cell) => cell.text)
      .join('')
      .trimEnd(),
  );
}

describe('a terminal', () => {
  it('has lines, wraps long ones, and scrolls', () => {
    expect(text(screen('one\r\ntwo'))).toEqual(['one', 'two', '']);
    expect(text(screen('123456\r\nx'))).toEqual(['123456', 'x', '']);
    expect(text(screen('1234567'))).toEqual(['123456', '7', '']);
    expect(text(screen('a\r\nb\r\nc\r\nd'))).toEqual(['b', 'c', 'd']);
  });

  it('draws over what was there as our commands do', () => {
    expect(
      text(screen('\x1b[?1049h\x1b[?25l\x1b[Hlong\x1b[K\r\nmore\x1b[K\x1b[J\x1b[Hab\x1b[K\x1b[J')),
    ).toEqual(['ab', '', '']);
  });

  it('knows what stands out', () => {
    const [row] = screen('a\x1b[7mb\x1b[1mc\x1b[0md').rows;
    expect(row!.slice(0, 4)).toEqual([
      { text: 'a', isBold: false, isReverse: false },
      { text: 'b', isBold: false, isReverse: true },
      { text: 'c', isBold: true, isReverse: true },
      { text: 'd', isBold: false, isReverse: false },
    ]);
  });

  it('refuses what it does not know', () => {
    expect(() => screen('\x1b[31mred')).toThrow('unknown control sequence ESC [ 31m');
    expect(() => screen('a\x07')).toThrow('unknown control character');
  });
});

describe('its picture', () => {
  it('has each run of characters at its place, and its background where it is reversed', () => {
    const svg = screenSvg(screen('a<b\r\n\x1b[7mx\x1b[0m \x1b[1mB\x1b[0m'), 'A & B');
    expect(svg).toContain('<title>A &amp; B</title>');
    expect(svg).toContain('<text x="12" y="26" textLength="25.2">a&lt;b</text>');
    expect(svg).toContain('<rect x="12" y="30" width="8.4" height="18" fill="#e6edf3"/>');
    expect(svg).toContain('<text x="12" y="44" textLength="8.4" fill="#0d1117">x</text>');
    expect(svg).toContain('<text x="28.8" y="44" textLength="8.4" font-weight="bold">B</text>');
  });
});
