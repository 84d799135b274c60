import { describe, expect, it } from 'vitest';
import { Life } from '../../sim/c-node/node.ts';
import { data, nack } from '../../sim/fuzz/messages.ts';
import { Request } from '../../src/control/codes.ts';
import { Status } from '../../src/flow/status.ts';
import { afterHandshake, CStation, DEL, flow, NEW, peerRecord, UPD } from './c-station.ts';

/** Seconds that a flow has left in the kernel. */
function secondsLeft(c: CStation, n: number): number {
  for (let seconds = 0; ; seconds++) {
    if (c.kernel.lookup(flow(n).original) === undefined) return seconds;
    c.now += 1000;
    c.kernel.advance(c.now);
  }
}

describe('the start', () => {
  it('takes over the table of the kernel without sending it', () => {
    const c = new CStation({}, [1, 2]);
    expect(c.takeSent()).toEqual([]);
    expect(c.holds('internal')).toEqual(['1', '2']);
  });

  it('requests a resync if configured so', () => {
    const c = new CStation({ startupResync: true });
    expect(c.takeSent()).toEqual(['RESYNC 0..0 +HELLO']);
  });
});

describe('a commit', () => {
  it('creates what does not exist, and replaces what exists', () => {
    const c = afterHandshake({}, [1]);
    c.changes(1, { mark: 5 });
    c.turn();
    c.takeSent();
    c.receives(data(NEW, 1002, peerRecord(1, { mark: 1 })), data(NEW, 1003, peerRecord(2)));
    c.command(Request.COMMIT_ALL);
    expect(c.node.lastCommit?.flows).toEqual({ committed: 2, failed: 0 });
    expect(c.kernel.lookup(flow(1).original)?.mark).toBe(1);
    // It does not send what it has done itself, but knows it.
    expect(c.takeSent()).toEqual([]);
    expect(c.holds('internal')).toEqual(['1', '2']);
  });

  it('puts children last, and without IPS_EXPECTED, which the kernel sets itself', () => {
    const c = afterHandshake();
    const child = peerRecord(1, { master: flow(2).original, status: Status.CONFIRMED | Status.EXPECTED });
    c.receives(data(NEW, 1002, child), data(NEW, 1003, peerRecord(2)));
    c.command(Request.COMMIT_CT);
    expect(c.node.lastCommit?.flows).toEqual({ committed: 2, failed: 0 });
    expect(c.kernel.lookup(flow(1).original)?.master).toBeDefined();
  });

  it('counts a child without its master as failed', () => {
    const c = afterHandshake();
    c.receives(data(NEW, 1002, peerRecord(1, { master: flow(2).original })));
    c.command(Request.COMMIT_CT);
    expect(c.node.lastCommit?.flows).toEqual({ committed: 0, failed: 1 });
  });

  it('sets CommitTimeout', () => {
    const c = afterHandshake({ commitTimeout: 33 });
    c.receives(data(NEW, 1002, peerRecord(1)));
    c.command(Request.COMMIT_CT);
    expect(secondsLeft(c, 1)).toBe(33);
  });

  it.each([
    ['what was received, less the age', 100, 90],
    ['60 seconds where that is past', 4, 60],
    ['the whole of it where nothing is left', 10, 10],
    ['60 seconds where none was received', undefined, 60],
  ])('without CommitTimeout sets %s', (_, timeout, expected) => {
    const c = afterHandshake({ commitTimeout: undefined });
    c.turn();
    c.receives(data(NEW, 1002, peerRecord(1, timeout === undefined ? {} : { timeout })));
    c.passes(10_000);
    c.command(Request.COMMIT_CT);
    expect(secondsLeft(c, 1)).toBe(expected);
  });

  it('fails for a record without timeout that is not a second old', () => {
    const c = afterHandshake({ commitTimeout: undefined });
    c.turn();
    c.receives(data(NEW, 1002, peerRecord(1)));
    c.command(Request.COMMIT_CT);
    expect(c.node.lastCommit?.flows).toEqual({ committed: 0, failed: 1 });
  });
});

describe('a node with at most 8,192 buckets', () => {
  it('believes for ever that its first commit goes on: it flushes no external cache', () => {
    const c = afterHandshake({ hashSize: 8192 });
    c.receives(data(NEW, 1002, peerRecord(1)));
    c.command(Request.COMMIT_ALL);
    c.receives(data(NEW, 1003, peerRecord(2)));
    c.command(Request.COMMIT_ALL);
    c.command(Request.FLUSH_EXTERNAL);
    c.command(Request.FLUSH_CACHES_ALL);
    expect(c.holds('external')).toEqual(['1', '2']);
    expect(c.holds('internal')).toEqual(['1', '2']);
    c.command(Request.FLUSH_INTERNAL);
    expect(c.holds('internal')).toEqual([]);
  });

  it('is not so with one bucket more', () => {
    const c = afterHandshake({ hashSize: 8193 });
    c.receives(data(NEW, 1002, peerRecord(1)));
    c.command(Request.COMMIT_ALL);
    c.command(Request.FLUSH_CACHES_ALL);
    expect(c.holds('external')).toEqual([]);
    expect(c.holds('internal')).toEqual([]);
  });
});

describe('flushes', () => {
  it('of the caches take with them what was to be sent again', () => {
    const c = afterHandshake();
    c.begins(1);
    c.turn();
    c.receives(data(NEW, 1002, peerRecord(2)));
    c.command(Request.FLUSH_CACHES_ALL);
    expect(c.holds('internal')).toEqual([]);
    expect(c.holds('external')).toEqual([]);
    c.takeSent();
    c.receives(nack(1003, c.lastNumber, c.lastNumber));
    expect(c.takeSent()).toEqual([]);
    expect(c.kernel.size).toBe(1);
  });

  it('of the internal cache make the end of its flows unknown', () => {
    const c = afterHandshake({}, [1]);
    c.command(Request.FLUSH_INTERNAL);
    c.ends(1);
    c.turn();
    expect(c.takeSent()).toEqual([]);
  });

  it('are undone by -R, of which nothing is sent', () => {
    const c = afterHandshake({}, [1]);
    c.command(Request.FLUSH_CACHES_ALL);
    c.command(Request.RESYNC_KERNEL_ALL);
    expect(c.holds('internal')).toEqual(['1']);
    expect(c.takeSent()).toEqual([]);
  });

  it('of the kernel come PurgeTimeout after -t, and are not sent', () => {
    const c = afterHandshake({ purgeTimeout: 5 }, [1, 2]);
    c.command(Request.RESET_TIMERS);
    c.passes(4_000);
    c.command(Request.RESET_TIMERS);
    expect(c.kernel.size).toBe(2);
    c.passes(1_000);
    expect(c.kernel.size).toBe(0);
    expect(c.holds('internal')).toEqual([]);
    expect(c.takeSent().filter((message) => message !== 'ALIVE')).toEqual([]);
  });

  it.each([
    ['a commit', Request.COMMIT_ALL, 1],
    ['a flush of the caches', Request.FLUSH_CACHES_ALL, 1],
    ['a flush of the internal cache', Request.FLUSH_INTERNAL, 1],
    ['no flush of the external cache', Request.FLUSH_EXTERNAL, 0],
  ])('that -t announced are cancelled by %s', (_, request, left) => {
    const c = afterHandshake({ purgeTimeout: 5 }, [1]);
    c.command(Request.RESET_TIMERS);
    c.command(request);
    c.passes(6_000);
    expect(c.kernel.size).toBe(left);
  });
});

describe('a lost event', () => {
  it('brings everything again NetlinkOverrunResync later, and the ends that were missed', () => {
    const c = afterHandshake({ overrunResync: 30 }, [1, 2]);
    c.kernel.growEventBuffer(1024);
    c.begins(3);
    c.ends(1);
    c.turn();
    expect(c.takeSent()).toEqual(['NEW 3']);
    c.passes(29_999);
    c.takeSent();
    c.passes(1);
    expect(c.takeSent().sort()).toEqual(['ALIVE', 'DEL 1', 'UPD 2', 'UPD 3'].sort());
    expect(c.node.kernelSide).toMatchObject({ overruns: 1, resyncs: 1 });
  });

  it('ends every flow in a zone, which the node asks for without its zone', () => {
    const c = afterHandshake({ overrunResync: 1 });
    c.begins(1, { zone: 7 });
    c.turn();
    c.takeSent();
    c.kernel.growEventBuffer(1024);
    c.begins(2);
    c.begins(3);
    c.turn();
    c.passes(1_000);
    expect(c.takeSent().filter((message) => message.endsWith(' 1'))).toEqual(['DEL 1']);
  });
});

describe('without external cache', () => {
  const inject = () => afterHandshake({ disableExternalCache: true, commitTimeout: undefined });

  it('what is received goes into the kernel, and comes back as no event', () => {
    const c = inject();
    c.receives(data(NEW, 1002, peerRecord(1, { timeout: 100 })));
    c.receives(data(NEW, 1003, peerRecord(1, { timeout: 100, mark: 2 })));
    c.receives(data(UPD, 1004, peerRecord(2, { timeout: 100 })));
    expect(c.kernel.lookup(flow(1).original)?.mark).toBe(2);
    c.receives(data(DEL, 1005, peerRecord(1)));
    c.receives(data(DEL, 1006, peerRecord(9)));
    expect(c.kernel.size).toBe(1);
    expect(c.holds('internal')).toEqual([]);
    expect(c.node.injected?.flows).toEqual({
      created: 2,
      createFailed: 0,
      updated: 1,
      updateFailed: 0,
      destroyed: 1,
      destroyFailed: 0,
    });
  });

  it('an update that the kernel refuses is a removal and a creation', () => {
    const c = inject();
    const assured = Status.CONFIRMED | Status.SEEN_REPLY | Status.ASSURED;
    c.receives(data(NEW, 1002, peerRecord(1, { timeout: 100, status: assured })));
    c.receives(data(UPD, 1003, peerRecord(1, { timeout: 100 })));
    expect(c.kernel.lookup(flow(1).original)?.status).toBe(Status.CONFIRMED);
  });
});

describe('the order of a bulk', () => {
  it('is that of the hash, not of coming', () => {
    const c = afterHandshake();
    for (let n = 1; n <= 12; n++) c.begins(n);
    c.turn();
    const came = c.takeSent();
    c.command(Request.SEND_BULK);
    const sent = c.takeSent();
    expect(sent).not.toEqual(came);
    expect([...sent].sort()).toEqual([...came].sort());
    const buckets = c.node.internal!.flows.inOrder().map(({ bucket }) => bucket);
    expect(buckets).toEqual([...buckets].sort((a, b) => a - b));
  });

  it('has what came last first within a bucket', () => {
    const c = afterHandshake({ hashSize: 1 });
    for (let n = 1; n <= 4; n++) c.begins(n);
    c.turn();
    c.takeSent();
    c.command(Request.SEND_BULK);
    expect(c.takeSent()).toEqual(['NEW 4', 'NEW 3', 'NEW 2', 'NEW 1']);
    expect([...c.node.internal!.flows].every(({ life }) => life === Life.NEW)).toBe(true);
  });
});
