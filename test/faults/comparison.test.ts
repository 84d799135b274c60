import { describe, expect, test } from 'vitest';
import { differenceOf, isEqual, keysIn } from '../../sim/faults/stage/comparison.ts';

const TUPLE = 'src=10.64.0.1 dst=203.0.113.10 sport=1024 dport=80';
const KERNEL = `tcp      6 3599 ESTABLISHED ${TUPLE} src=203.0.113.10 dst=10.64.0.1 sport=80 dport=1024 [ASSURED] mark=0 use=1`;
const CACHE = `tcp      6 ESTABLISHED ${TUPLE} [ASSURED] mark=0 [active since 3s]`;

describe('the keys of a listing', () => {
  test("are the same for a flow in the kernel's table and in a cache", () => {
    const key = [...keysIn(KERNEL)];
    expect(key).toHaveLength(1);
    expect([...keysIn(CACHE)]).toEqual(key);
    expect([...keysIn(`ipv4     2 ${KERNEL}`)]).toEqual(key);
  });

  test.each([
    ['protocol', CACHE.replace('tcp      6', 'udp     17')],
    ['address', CACHE.replace('src=10.64.0.1', 'src=10.64.0.2')],
    ['port', CACHE.replace('sport=1024', 'sport=1025')],
    ['zone', CACHE.replace('mark=0', 'mark=0 zone=7')],
  ])('tell flows apart by %s', (_, other) => {
    expect(keysIn(`${CACHE}\n${other}\n`).size).toBe(2);
  });

  test('take the identifier of an echo for a part of the tuple', () => {
    const echo = (id: number) =>
      `icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=${id} src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=${id}`;
    expect(keysIn(`${echo(1)}\n${echo(2)}\n`).size).toBe(2);
  });

  test('leave out what is no flow', () => {
    expect(keysIn('conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.\n').size).toBe(0);
  });
});

test('a difference counts what is missing and what is too much, also where the sizes are equal', () => {
  const difference = differenceOf(new Set(['a', 'b', 'c']), new Set(['b', 'c', 'd']));
  expect(difference).toEqual({ lacks: 1, dead: 1 });
  expect(isEqual(difference)).toBe(false);
  expect(differenceOf(new Set(['a']), new Set(['a']))).toEqual({ lacks: 0, dead: 0 });
  expect(differenceOf(new Set(), new Set(['a']))).toEqual({ lacks: 0, dead: 1 });
});
