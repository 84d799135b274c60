import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/config/error.ts';
import { type Token, Tokenizer } from '../../src/config/tokens.ts';

function tokens(text: string): Token[] {
  const tokenizer = new Tokenizer(text, 'test.conf');
  const all: Token[] = [];
  for (let token = tokenizer.next(); token.kind !== 'end'; token = tokenizer.next()) all.push(token);
  return all;
}

/** `kind:text` of each token. */
function kinds(text: string): string[] {
  return tokens(text).map((token) => `${token.kind}:${token.text}`);
}

describe('the tokenizer', () => {
  it('knows a keyword only when it is the whole token', () => {
    expect(kinds('TCP TCP2 Interface Interface-0 tcp UNIX{')).toEqual([
      'word:TCP',
      'name:TCP2',
      'word:Interface',
      'name:Interface-0',
      'name:tcp',
      'word:UNIX',
      'symbol:{',
    ]);
  });

  it('takes interface names with dots, dashes and underscores', () => {
    expect(kinds('eth2.100 sync-0 wan_1')).toEqual(['name:eth2.100', 'name:sync-0', 'name:wan_1']);
  });

  it('knows switches and modes in any case', () => {
    expect(kinds('on OFF Yes nO ftfw ALARM NoTrack nack')).toEqual([
      'switch:on',
      'switch:OFF',
      'switch:Yes',
      'switch:nO',
      'mode:ftfw',
      'mode:ALARM',
      'mode:NoTrack',
      'mode:nack',
    ]);
  });

  it('knows the old name of ALARM only with a capital at its end, as C does', () => {
    expect(kinds('PERSISTENT persistenT persistent')).toEqual([
      'mode:PERSISTENT',
      'mode:persistenT',
      'name:persistent',
    ]);
  });

  it('takes up to four hexadecimal digits for an address, unless they are all decimal', () => {
    expect(kinds('e0 beef cafe1 1234 1a')).toEqual([
      'address:e0',
      'address:beef',
      'name:cafe1',
      'number:1234',
      'address:1a',
    ]);
  });

  it('takes addresses with and without a prefix', () => {
    const addresses = [
      '10.0.0.1',
      '10.0.0.0/8',
      'fe80::1',
      '::',
      '::1/128',
      'ff02::50',
      '1:2:3:4:5:6:7:8',
      '12/24',
    ];
    expect(kinds(addresses.join(' '))).toEqual(addresses.map((address) => `address:${address}`));
  });

  it('ends an address where the pattern of C ends', () => {
    expect(kinds('1::2::3')).toEqual(['address:1::2:', 'symbol::', 'number:3']);
    expect(kinds('1:2:3:4:5:6:7:8:9')).toEqual(['address:1:2:3:4:5:6:7:8', 'symbol::', 'number:9']);
    expect(kinds('a:::b')).toEqual(['address:a:::b']);
    expect(kinds(':::')).toEqual(['address:::', 'symbol::']);
    expect(kinds('12345::')).toEqual(['address:12345::']);
    expect(kinds('::ffff:1.2.3.4')).toEqual([
      'address:::ffff:1',
      'symbol:.',
      'number:2',
      'symbol:.',
      'number:3',
      'symbol:.',
      'number:4',
    ]);
  });

  it('splits numbers from what follows them', () => {
    expect(kinds('3780x -20 +5 0x10 1HashLimit')).toEqual([
      'number:3780',
      'name:x',
      'signed:-20',
      'signed:+5',
      'number:0',
      'name:x10',
      'number:1',
      'word:HashLimit',
    ]);
  });

  it('takes everything up to a space, a newline or a quote for a path', () => {
    expect(kinds('/a\tb} /c#d\n/e"/f')).toEqual([
      'path:/a\tb}',
      'path:/c#d',
      'path:/e',
      'symbol:"',
      'path:/f',
    ]);
  });

  it('counts lines and columns from one', () => {
    const places = tokens('General {\n\tHashSize 1 # one\n\r\n  }').map(({ text, line, column }) => [
      text,
      line,
      column,
    ]);
    expect(places).toEqual([
      ['General', 1, 1],
      ['{', 1, 9],
      ['HashSize', 2, 2],
      ['1', 2, 11],
      ['}', 4, 3],
    ]);
  });

  it('takes a character beyond the basic plane for one symbol', () => {
    expect(kinds('\u{1f600}x')).toEqual(['symbol:\u{1f600}', 'name:x']);
  });

  it('keeps returning end of file', () => {
    const tokenizer = new Tokenizer('\n ', 'test.conf');
    expect([tokenizer.next(), tokenizer.next()]).toMatchObject([
      { kind: 'end', line: 2, column: 2 },
      { kind: 'end', line: 2, column: 2 },
    ]);
  });

  it('refuses a comment without a newline, as C does', () => {
    expect(() => tokens('UNIX\n # x')).toThrow(
      new ConfigError(
        'test.conf',
        { line: 2, column: 2 },
        {
          found: "`# x'",
          expected: ['a newline after the comment'],
          reason: "found `# x', expected a newline after the comment",
        },
      ),
    );
  });
});
