import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeFact, type LinkFact, Redundancy } from '../../src/link/redundant.ts';

const RUNNING = 0x1 | 0x40;
const NO_CARRIER = 0x1;
const DOWN = 0;

const becomes = (link: number, name: string, cause: 'interface-down' | 'peer-heard'): LinkFact => ({
  kind: 'link-changed',
  link,
  interface: name,
  cause,
});

describe('the current link', () => {
  test('is the default one at first', () => {
    expect(new Redundancy(['eth1', 'eth2'], 1).current).toBe(1);
  });

  test('is the one on which the peer speaks', () => {
    const links = new Redundancy(['eth1', 'eth2', 'eth3'], 0);
    expect(links.noteValidMessage(0)).toBeUndefined();
    expect(links.noteValidMessage(2)).toEqual(becomes(2, 'eth3', 'peer-heard'));
    expect(links.noteValidMessage(2)).toBeUndefined();
    expect(links.current).toBe(2);
  });

  test.each([
    ['is down', DOWN],
    ['has no carrier', NO_CARRIER],
  ])('changes to the first that runs when its interface %s', (_how, flags) => {
    const links = new Redundancy(['eth1', 'eth2', 'eth3'], 0);
    expect(links.interfaceChanged('eth2', DOWN)).toBeUndefined();
    expect(links.interfaceChanged('eth1', flags)).toEqual(becomes(2, 'eth3', 'interface-down'));
    expect(links.current).toBe(2);
  });

  test('stays when the interface of another one changes, and when its own comes back', () => {
    const links = new Redundancy(['eth1', 'eth2'], 0);
    links.interfaceChanged('eth1', DOWN);
    expect(links.interfaceChanged('eth1', RUNNING)).toBeUndefined();
    expect(links.interfaceChanged('eth9', DOWN)).toBeUndefined();
    expect(links.current).toBe(1);
  });

  test('is not brought back by what was left in the buffer of a failed one', () => {
    const links = new Redundancy(['eth1', 'eth2'], 0);
    links.interfaceChanged('eth1', DOWN);
    expect(links.noteValidMessage(0)).toBeUndefined();
    expect(links.current).toBe(1);
    links.interfaceChanged('eth1', RUNNING);
    expect(links.noteValidMessage(0)).toEqual(becomes(0, 'eth1', 'peer-heard'));
  });

  test('stays when none runs, which is reported once', () => {
    const links = new Redundancy(['eth1', 'eth2'], 0);
    links.interfaceChanged('eth2', DOWN);
    expect(links.interfaceChanged('eth1', DOWN)).toEqual({ kind: 'no-link' });
    expect(links.interfaceChanged('eth1', NO_CARRIER)).toBeUndefined();
    expect(links.current).toBe(0);
    expect(links.interfaceChanged('eth2', RUNNING)).toEqual(becomes(1, 'eth2', 'interface-down'));
    expect(links.interfaceChanged('eth2', DOWN)).toEqual({ kind: 'no-link' });
  });

  test('of two links over one interface fails with both', () => {
    const links = new Redundancy(['eth1', 'eth1'], 0);
    expect(links.interfaceChanged('eth1', DOWN)).toEqual({ kind: 'no-link' });
  });

  test('runs whenever any link does', () => {
    const names = ['eth1', 'eth2', 'eth3', 'eth4'];
    const step = fc.record({
      link: fc.nat(3),
      flags: fc.constantFrom(RUNNING, NO_CARRIER, DOWN),
      heard: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.nat(3), fc.array(step, { maxLength: 30 }), (first, steps) => {
        const links = new Redundancy(names, first);
        for (const { link, flags, heard } of steps) {
          if (heard) links.noteValidMessage(link);
          else links.interfaceChanged(names[link]!, flags);
          const running = names.some((_name, n) => links.statusOf(n) === 'RUNNING');
          expect(links.statusOf(links.current) === 'RUNNING').toBe(running);
        }
      }),
    );
  });
});

test('one to four links are possible', () => {
  expect(() => new Redundancy([], 0)).toThrow('1 to 4');
  expect(() => new Redundancy(['a', 'b', 'c', 'd', 'e'], 0)).toThrow('1 to 4');
  expect(() => new Redundancy(['a'], 1)).toThrow('index 1');
});

test('facts have the words of the C node', () => {
  expect(describeFact(becomes(1, 'eth2', 'interface-down'))).toBe("device `eth2' becomes dedicated link");
  expect(describeFact({ kind: 'no-link' })).toBe('no dedicated links available!');
  expect(describeFact({ kind: 'link-reopened', link: 0, interface: 'eth1', cause: 'interface-down' })).toBe(
    "device `eth1' was created again, dedicated link reopened",
  );
});
