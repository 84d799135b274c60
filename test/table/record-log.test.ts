import { expect, test } from 'vitest';
import { Random } from '../../sim/random.ts';
import { wordsOf } from '../../src/bytes/words.ts';
import { RecordLog } from '../../src/table/record-log.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { NATED, record } from './records.ts';

const to = new Uint8Array(1536);

/** Reads all that is to be read, and takes the oldest. */
function taken(log: RecordLog): Uint8Array | undefined {
  while (log.unread > 0) log.read();
  const size = log.take(to, wordsOf(to));
  return size === 0 ? undefined : to.slice(0, size);
}

test('a log gives what it was given, in order, over any number of chunks', () => {
  const log = new RecordLog();
  expect(taken(log)).toBe(undefined);
  // Some 2.5 MB.
  const many = Array.from({ length: 25_000 }, (_, n) => record(n, n % 3 === 0 ? NATED : { mark: n }));
  let wrong = 0;
  for (const bytes of many) {
    const at = log.add(bytes, wordsOf(bytes), 0, bytes.length);
    if (Buffer.compare(log.newest.subarray(at, at + bytes.length), bytes) !== 0) wrong++;
  }
  for (const bytes of many) if (Buffer.compare(taken(log)!, bytes) !== 0) wrong++;
  expect(wrong).toBe(0);
  expect(taken(log)).toBe(undefined);
});

test('a log that is emptied again and again stays as it is', () => {
  const log = new RecordLog();
  const bytes = record(1, NATED);
  log.add(bytes, wordsOf(bytes), 0, bytes.length);
  const { newest } = log;
  for (let n = 0; n < 10_000; n++) {
    taken(log);
    log.add(bytes, wordsOf(bytes), 0, bytes.length);
  }
  expect(log.newest).toBe(newest);
  expect(taken(log)).toEqual(bytes);
});

test('a log forgets', () => {
  const log = new RecordLog();
  const bytes = record(1);
  for (let n = 0; n < 3; n++) log.add(bytes, wordsOf(bytes), 0, bytes.length);
  taken(log);
  log.clear();
  expect(taken(log)).toBe(undefined);
  log.add(record(2), wordsOf(record(2)), 0, record(2).length);
  expect(taken(log)).toEqual(record(2));
});

test('a log gives only what was read and not left out', () => {
  const log = new RecordLog();
  const kept: number[] = [];
  const got: number[] = [];
  let added = 0;
  let read = 0;
  let wrong = 0;
  const takeAll = () => {
    for (;;) {
      const size = log.take(to, wordsOf(to));
      if (size === 0) return;
      got.push(decodeFlow(to, 0, size).mark!);
    }
  };
  const random = Random.forStream(7);
  for (let round = 0; round < 1000; round++) {
    for (let n = random.below(40); n > 0; n--) {
      const bytes = record(added, { mark: ++added });
      log.add(bytes, wordsOf(bytes), 0, bytes.length);
    }
    for (let n = random.below(40); n > 0 && log.unread > 0; n--) {
      log.read();
      read++;
      if (decodeFlow(log.bytes, log.start, log.end).mark !== read) wrong++;
      if (random.chance(0.5)) log.leaveOut();
      else kept.push(read);
    }
    if (log.unread !== added - read) wrong++;
    if (random.oneIn(3)) takeAll();
  }
  takeAll();
  expect(wrong).toBe(0);
  expect(got).toEqual(kept);
  expect(() => {
    while (log.unread > 0) log.read();
    log.read();
  }).toThrowError('no record to read');
});

test('what is left out or forgotten takes no memory', () => {
  const log = new RecordLog();
  const bytes = record(1, NATED);
  log.add(bytes, wordsOf(bytes), 0, bytes.length);
  const { newest } = log;
  for (let n = 0; n < 10_000; n++) {
    log.read();
    if (n % 2 === 0) log.leaveOut();
    else log.forgetRead();
    log.add(bytes, wordsOf(bytes), 0, bytes.length);
  }
  expect(log.newest).toBe(newest);
  expect(log.take(to, wordsOf(to))).toBe(0);
});
