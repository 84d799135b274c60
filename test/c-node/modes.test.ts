import { describe, expect, it } from 'vitest';
import { ack, alive, control, data, resync } from '../../sim/fuzz/messages.ts';
import { Request } from '../../src/control/codes.ts';
import { Flag } from '../../src/wire/header.ts';
import { CStation, NEW, peerRecord, UPD } from './c-station.ts';

describe('NOTRACK', () => {
  const notrack = (before: readonly number[] = []) =>
    new CStation({ mode: 'notrack', commitTimeout: 600 }, before);

  it('sends each change once, and keeps nothing of a flow that ended', () => {
    const c = notrack();
    c.begins(1);
    c.turn();
    c.ends(1);
    c.turn();
    expect(c.takeSent()).toEqual(['NEW 1', 'DEL 1']);
    expect(c.holds('internal')).toEqual([]);
  });

  it('sends no HELLO, and accepts it on data', () => {
    const c = notrack();
    c.receives(data(NEW, 1000, peerRecord(1), Flag.HELLO));
    c.passes(1000);
    expect(c.takeSent()).toEqual(['ALIVE']);
    expect(c.holds('external')).toEqual(['1']);
  });

  it('counts numbers and follows them back, so that the next one is in order', () => {
    const c = notrack();
    c.receives(data(NEW, 1000, peerRecord(1)));
    c.receives(data(NEW, 1010, peerRecord(2)));
    c.receives(data(NEW, 10, peerRecord(3)));
    c.receives(data(NEW, 11, peerRecord(4)));
    expect(c.node.network).toMatchObject({ lost: 11, behind: 1 });
    expect(c.holds('external')).toEqual(['1', '2', '3', '4']);
  });

  it('calls an ACK malformed', () => {
    const c = notrack();
    c.receives(ack(1000, 1, 1));
    expect(c.node.network).toMatchObject({ malformed: 1, badHeader: 1 });
  });

  it('answers a RESYNC', () => {
    const c = notrack([1, 2]);
    c.receives(resync(1000));
    expect(c.takeSent().sort()).toEqual(['NEW 1', 'NEW 2']);
  });
});

describe('NOTRACK without internal cache', () => {
  const bypass = (before: readonly number[] = []) =>
    new CStation({ mode: 'notrack', disableInternalCache: true, payloadLimit: 120 }, before);

  it('lets events wait for a full datagram, or for the next ALIVE', () => {
    const c = bypass();
    for (let n = 1; n <= 3; n++) c.begins(n);
    c.turn();
    expect(c.takeSent()).toEqual(['NEW 1', 'NEW 2']);
    c.passes(1000);
    expect(c.takeSent()).toEqual(['NEW 3', 'ALIVE']);
  });

  it('sends the kernel for a bulk, all of it as NEW', () => {
    const c = bypass([1, 2, 3]);
    c.command(Request.SEND_BULK);
    c.passes(1000);
    expect(c.takeSent()).toEqual(['NEW 1', 'NEW 2', 'NEW 3', 'ALIVE']);
  });

  it('flushes the kernel where the internal cache was to be flushed', () => {
    const c = bypass([1, 2, 3]);
    c.command(Request.FLUSH_CACHES_ALL);
    expect(c.kernel.size).toBe(0);
  });

  it('is refused in other modes', () => {
    expect(() => new CStation({ disableInternalCache: true })).toThrow(RangeError);
  });
});

describe('ALARM', () => {
  const alarm = (more = {}, before: readonly number[] = [], random = () => 0) =>
    new CStation({ mode: 'alarm', commitTimeout: 600, ...more }, before, random);

  it('sends nothing by itself', () => {
    const c = alarm();
    c.passes(100_000);
    expect(c.takeSent()).toEqual([]);
    expect(c.node.nextTimeout()).toBe(Infinity);
  });

  it('sends a record again and again, 1 to RefreshTime seconds and 1 to 5 fifths after its last change', () => {
    const c = alarm({ refreshTime: 10 }, [1], () => 0.99);
    c.passes(10_999);
    expect(c.takeSent()).toEqual([]);
    c.passes(1);
    expect(c.takeSent()).toEqual(['NEW 1']);
    c.passes(10_000);
    c.turn();
    c.changes(1, { mark: 1 });
    c.turn();
    c.passes(10_999);
    expect(c.takeSent()).toEqual(['UPD 1']);
    c.passes(1);
    expect(c.takeSent()).toEqual(['UPD 1']);
  });

  it('ignores every message with a flag, and sees no gaps', () => {
    const c = alarm();
    c.receives(
      data(NEW, 1000, peerRecord(1), Flag.HELLO),
      alive(1001),
      ack(1002, 5, 4),
      resync(1003),
      control(128, 1004),
    );
    c.receives(data(NEW, 7, peerRecord(2)), data(NEW, 9000, peerRecord(3)));
    expect(c.holds('external')).toEqual(['2', '3']);
    expect(c.node.network).toMatchObject({ malformed: 0, lost: 0, behind: 0 });
  });

  it('calls a strange type a bad type, not a bad header', () => {
    const c = alarm();
    c.receives(control(0, 1000), data(9, 1001, peerRecord(1)));
    expect(c.node.network).toMatchObject({ malformed: 2, badType: 2, badHeader: 0 });
  });

  it('forgets what is not refreshed for CacheTimeout seconds', () => {
    const c = alarm({ cacheTimeout: 5 });
    c.receives(data(NEW, 1, peerRecord(1)), data(NEW, 2, peerRecord(2)));
    c.passes(4_000);
    c.turn();
    c.receives(data(UPD, 3, peerRecord(2)));
    c.passes(1_000);
    expect(c.holds('external')).toEqual(['2']);
    c.passes(4_000);
    expect(c.holds('external')).toEqual([]);
  });

  it('counts from when it fell asleep: after a long silence what comes lapses at once', () => {
    const c = alarm({ cacheTimeout: 5 });
    c.passes(6_000);
    c.receives(data(NEW, 1, peerRecord(1)));
    expect(c.holds('external')).toEqual(['1']);
    c.passes(1);
    expect(c.holds('external')).toEqual([]);
    c.receives(data(NEW, 2, peerRecord(1)));
    c.passes(4_000);
    expect(c.holds('external')).toEqual(['1']);
  });

  it('has no resync to ask for, and no bulk', () => {
    const c = alarm({}, [1]);
    c.command(Request.REQUEST_RESYNC);
    c.command(Request.SEND_BULK);
    expect(c.takeSent()).toEqual([]);
    expect(() => alarm({ startupResync: true })).toThrow(RangeError);
  });
});
