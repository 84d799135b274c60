import { describe, expect, it } from 'vitest';
import type { Flow } from '../../src/flow/flow.ts';
import { Status } from '../../src/flow/status.ts';
import { hasMovedOn } from '../../src/kernel/moved-on.ts';
import { NATED, record } from '../table/records.ts';

/** Of what a kernel tells, an attribute may be missing. */
type Fields = { readonly [Name in keyof Flow]?: Flow[Name] | undefined };

const recordWith = (fields: Fields): Uint8Array =>
  record(1, Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)));

const adjustment = (position: number) => {
  const one = { position, offsetBefore: 0, offsetAfter: 0 };
  return { original: one, reply: one };
};

const moved = (then: Fields, now: Fields): boolean => {
  const [one, other] = [recordWith(then), recordWith(now)];
  const answer = hasMovedOn(one, 0, one.length, other, 0, other.length);
  // It is the same both ways, and wherever the records lie.
  const longer = new Uint8Array(one.length + 12);
  longer.set(one, 8);
  expect(hasMovedOn(other, 0, other.length, longer, 8, 8 + one.length)).toBe(answer);
  return answer;
};

const ESTABLISHED: Partial<Flow> = { ...NATED, mark: 5, labels: [3] };

describe('a flow has moved on since it was committed', () => {
  it.each<[string, Fields]>([
    ['another state', { tcp: { state: 4 } }],
    ['no state', { tcp: undefined }],
    ['another mark', { mark: 6 }],
    ['no mark', { mark: undefined }],
    ['another label', { labels: [4] }],
    ['no label', { labels: [] }],
    ['no answer', { status: NATED.status! & ~Status.SEEN_REPLY }],
    ['adjusted sequence numbers', { sequenceAdjustment: adjustment(7) }],
  ])('with %s', (_, change) => {
    expect(moved(ESTABLISHED, { ...ESTABLISHED, ...change })).toBe(true);
  });

  it.each<[string, Fields]>([
    ['nothing else', {}],
    ['another timeout', { timeout: 3 }],
    ['no timeout', { timeout: undefined }],
    ['a helper', { helper: 'ftp' }],
    ['bits that say how it came to be', { status: NATED.status! ^ Status.CONFIRMED ^ Status.SRC_NAT_DONE }],
    ['nothing to adjust', { sequenceAdjustment: adjustment(0) }],
  ])('but not with %s', (_, change) => {
    expect(moved(ESTABLISHED, { ...ESTABLISHED, ...change })).toBe(false);
  });

  it('but not with a mark of zero where none was', () => {
    expect(moved({ tcp: { state: 3 } }, { tcp: { state: 3 }, mark: 0 })).toBe(false);
  });
});
