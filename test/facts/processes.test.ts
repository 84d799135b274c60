import { describe, expect, test } from 'vitest';
import { isDaemon } from '../../src/facts/machine/processes.ts';

describe('the arguments of a process', () => {
  test.each([
    ['', true],
    ['-d', true],
    ['-C /etc/conntrackd/conntrackd.conf', true],
    ['-d -C a.conf', true],
    ['-C a.conf -d', true],
    ['-s', false],
    ['-C a.conf -c', false],
    ['-i ct --json', false],
    ['--help', false],
    ['status --watch', false],
    ['doctor -C a.conf', false],
    ['top --by src', false],
  ])('`%s` are those of a daemon: %s', (args, expected) => {
    // What /proc tells ends with a NUL.
    expect(isDaemon([...args.split(' '), ''])).toBe(expected);
  });
});
