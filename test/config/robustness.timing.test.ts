import { describe, expect, it } from 'vitest';
import { accepts } from './accepts.ts';

describe('a configuration of the greatest size', () => {
  it.each([
    ['one long word', 'Sync { Options { ExpectationSync { ', 'a', ' } } }\n'],
    [
      'many names of hexadecimal digits',
      'Sync { Options { ExpectationSync { ',
      `${'a'.repeat(31)}x `,
      '} } }\n',
    ],
    ['colons', 'General { Filter { Address Ignore { IPv6_address ', ':', ' } } }\n'],
    ['groups without an end', 'General { Filter { Address Ignore { IPv6_address ', 'a:', ' } } }\n'],
    ['unbalanced braces', 'General ', '{', '\n'],
    ['nested helpers', 'Helper { ', 'Type ftp inet tcp { ', '\n'],
    ['different networks', 'General { Filter { Address Ignore { ', 'IPv6_address fe80::/10 ', '} } }\n'],
    ['comments', '', '#\n', ''],
    ['digits', 'General { HashSize ', '9', ' }\n'],
    ['warnings', 'General { ', 'Nice -1 ', '}\n'],
  ])('a megabyte of %s is done with in seconds', (_, before, unit, after) => {
    const room = (1 << 20) - before.length - after.length;
    const start = performance.now();
    accepts(before + unit.repeat(Math.floor(room / unit.length)) + after);
    expect(performance.now() - start).toBeLessThan(5000);
  });
});
