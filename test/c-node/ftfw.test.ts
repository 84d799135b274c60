import { describe, expect, it } from 'vitest';
import { ack, alive, data, nack, resync } from '../../sim/fuzz/messages.ts';
import { Request } from '../../src/control/codes.ts';
import { Flag } from '../../src/wire/header.ts';
import { afterHandshake, CStation, DEL, FIRST, NEW, peerRecord, UPD } from './c-station.ts';

/** What is in the resend queue, by how many numbers after `from` it was sent; without what was sent before. */
const kept = ({ node }: CStation, from: number) =>
  node
    .resendQueue()
    .map(({ sequence }) => sequence - from)
    .filter((number) => number >= 0);

describe('the hello', () => {
  it('is on everything until it is answered', () => {
    const c = new CStation();
    c.begins(1);
    c.turn();
    expect(c.takeSent()).toEqual(['NEW 1 +HELLO']);
    c.receives(alive(1000, Flag.HELLO_BACK));
    c.begins(2);
    c.turn();
    expect(c.takeSent()).toEqual(['NEW 2']);
  });

  it('is answered with the next message, whatever that is', () => {
    const c = afterHandshake();
    c.receives(alive(1002, Flag.HELLO));
    expect(c.takeSent()).toEqual([]);
    c.begins(1);
    c.begins(2);
    c.turn();
    expect(c.takeSent()).toEqual(['NEW 1 +HELLO_BACK', 'NEW 2']);
  });

  it('does not count as an answer before the node has sent anything', () => {
    const c = new CStation();
    c.receives(alive(1000, Flag.HELLO_BACK));
    c.begins(1);
    c.turn();
    expect(c.takeSent()).toEqual(['NEW 1 +HELLO']);
  });

  it('hides all gaps while it is on the messages', () => {
    const c = afterHandshake();
    c.receives(data(NEW, 2000, peerRecord(1), Flag.HELLO));
    c.receives(data(NEW, 2007, peerRecord(2), Flag.HELLO));
    c.receives(data(NEW, 3, peerRecord(3), Flag.HELLO));
    expect(c.holds('external')).toEqual(['1', '2', '3']);
    expect(c.node.network).toMatchObject({ lost: 0, behind: 0 });
    expect(c.takeSent()).toEqual([]);
  });

  it('empties the resend queue of every receiver', () => {
    const c = afterHandshake();
    c.begins(1);
    c.turn();
    expect(kept(c, c.lastNumber)).toEqual([0]);
    c.receives(alive(1002, Flag.HELLO));
    expect(c.node.resendQueue()).toEqual([]);
  });

  it('is repeated by a control message that is resent, although it was answered', () => {
    const c = new CStation({ startupResync: true });
    expect(c.takeSent()).toEqual(['RESYNC 0..0 +HELLO']);
    c.receives(alive(1000, Flag.HELLO_BACK));
    c.receives(nack(1001, FIRST, FIRST));
    expect(c.takeSent()).toEqual(['RESYNC 0..0 +HELLO']);
  });
});

describe('numbers', () => {
  it('begin with the clock in seconds when the first message is built', () => {
    const c = new CStation();
    c.passes(3000);
    expect(c.takeSent()).toHaveLength(3);
    expect(c.lastNumber).toBe(FIRST + 1 + 2);
  });

  it('that are ahead bring an ACK for what came, and a NACK for the gap; the message is taken', () => {
    const c = afterHandshake();
    c.receives(data(NEW, 1002, peerRecord(1)));
    c.receives(data(NEW, 1006, peerRecord(2)));
    expect(c.takeSent()).toEqual(['ACK 1002..1002', 'NACK 1003..1005']);
    expect(c.holds('external')).toEqual(['1', '2']);
  });

  it('that are lost count as two more', () => {
    const c = afterHandshake();
    c.receives(alive(1002));
    c.receives(alive(1006));
    expect(c.node.network.lost).toBe(3 + 2);
  });

  it('that are behind are dropped for ever, until a hello', () => {
    const c = afterHandshake();
    for (let n = 1; n <= 500; n++) c.receives(data(NEW, n, peerRecord(n)));
    expect(c.holds('external')).toEqual([]);
    expect(c.node.network.behind).toBe(500);
    expect(c.node.network.malformed).toBe(0);
    c.receives(data(NEW, 501, peerRecord(501), Flag.HELLO));
    c.receives(data(NEW, 502, peerRecord(502)));
    expect(c.holds('external')).toEqual(['501', '502']);
  });

  it('of a third sender are gaps and repeats', () => {
    const c = afterHandshake();
    c.receives(data(NEW, 50_000, peerRecord(1)));
    expect(c.takeSent()).toEqual(['NACK 1002..49999']);
    c.receives(data(NEW, 1002, peerRecord(2)));
    expect(c.holds('external')).toEqual(['1']);
    expect(c.node.network.behind).toBe(1);
  });

  it('go on from 4,294,967,295 to 0', () => {
    const c = new CStation();
    for (const n of [0xffff_fffe, 0xffff_ffff, 0, 1]) c.receives(data(NEW, n, peerRecord(1 + (n & 3))));
    expect(c.node.network).toMatchObject({ lost: 0, behind: 0 });
    expect(c.holds('external')).toHaveLength(4);
  });

  it('of a message whose attributes are malformed count', () => {
    const c = afterHandshake();
    c.receives(data(NEW, 1002, Uint8Array.of(0, 4, 0, 99, 0, 0, 0, 0)));
    c.receives(alive(1003));
    expect(c.node.network).toMatchObject({ malformed: 1, badPayload: 1, lost: 0 });
  });

  it('of a message whose header is malformed do not', () => {
    const c = afterHandshake();
    c.receives(data(9, 1002, peerRecord(1)));
    c.receives(alive(1003));
    expect(c.node.network).toMatchObject({ malformed: 1, badHeader: 1, lost: 3 });
  });
});

describe('the window', () => {
  it('is acknowledged when it is full', () => {
    const c = new CStation({ ackWindowSize: 3 });
    c.receives(...[1, 2, 3, 4].map((n) => alive(999 + n)));
    expect(c.takeSent()).toEqual(['ACK 1000..1002 +HELLO']);
  });

  it('is acknowledged after a second of silence; its count goes on, so that the next one is short', () => {
    const c = new CStation({ ackWindowSize: 4 });
    c.passes(1000);
    c.receives(alive(1000), alive(1001));
    c.passes(1000);
    expect(c.takeSent()).toEqual(['ALIVE +HELLO', 'ACK 1000..1001 +HELLO']);
    c.receives(alive(1002), alive(1003));
    expect(c.takeSent()).toEqual(['ACK 1002..1003 +HELLO']);
  });

  it('is not acknowledged as long as the node sends something every second', () => {
    const c = afterHandshake();
    c.receives(data(NEW, 1002, peerRecord(1)));
    for (let n = 1; n <= 5; n++) {
      c.begins(n);
      c.turn();
      c.passes(900);
    }
    expect(c.takeSent()).toEqual(['NEW 1', 'NEW 2', 'NEW 3', 'NEW 4', 'NEW 5']);
    c.passes(100);
    expect(c.takeSent()).toEqual(['ACK 1002..1002']);
  });

  it('that is open when a HELLO comes with a lower number restarts, and the HELLO counts twice', () => {
    const c = new CStation({ ackWindowSize: 4 });
    c.receives(alive(1000), alive(1001));
    c.receives(alive(10, Flag.HELLO));
    c.receives(alive(11), alive(12));
    expect(c.takeSent()).toEqual(['ACK 10..12 +HELLO +HELLO_BACK']);
  });
});

describe('the resend queue', () => {
  it('keeps data, ACK, NACK and RESYNC, and no ALIVE', () => {
    const c = afterHandshake();
    const first = c.lastNumber + 1;
    c.begins(1);
    c.turn();
    c.passes(1000);
    c.receives(alive(1005));
    c.command(Request.REQUEST_RESYNC);
    expect(c.takeSent()).toEqual(['NEW 1', 'ALIVE', 'NACK 1002..1004', 'RESYNC 0..0']);
    expect(kept(c, first)).toEqual([0, 2, 3]);
  });

  it('gives up what an ACK covers, whoever sent it and whatever it covers beside', () => {
    const c = afterHandshake();
    for (let n = 1; n <= 3; n++) c.begins(n);
    c.turn();
    c.receives(ack(1002, FIRST - 10, FIRST + 1000));
    expect(c.node.resendQueue()).toEqual([]);
  });

  it('makes room for the latest by forgetting the oldest', () => {
    const c = afterHandshake({ resendQueueSize: 2 });
    for (let n = 1; n <= 3; n++) c.begins(n);
    c.turn();
    const first = c.lastNumber - 2;
    expect(kept(c, first)).toEqual([1, 2]);
    c.receives(nack(1002, first, first + 2));
    expect(c.takeSent().slice(3)).toEqual(['NEW 2', 'NEW 3']);
  });

  it('gives a flow that has changed in its state of now, under a new number', () => {
    const c = afterHandshake();
    c.begins(1);
    c.begins(2);
    c.turn();
    const second = c.lastNumber;
    c.changes(1, { mark: 7 });
    c.turn();
    // The change took it out of the queue and put it to the end.
    expect(kept(c, second)).toEqual([0, 1]);
    c.takeSent();
    c.receives(nack(1002, second - 1, second - 1));
    expect(c.takeSent()).toEqual([]);
    c.receives(nack(1003, second, second + 1));
    expect(c.takeSent()).toEqual(['NEW 2', 'UPD 1']);
  });

  it('keeps a flow that ended until its DEL is acknowledged', () => {
    const c = afterHandshake();
    c.begins(1);
    c.turn();
    c.ends(1);
    c.turn();
    expect(c.takeSent()).toEqual(['NEW 1', 'DEL 1']);
    expect(c.holds('internal')).toEqual(['(1)']);
    c.receives(nack(1002, c.lastNumber, c.lastNumber));
    expect(c.takeSent()).toEqual(['DEL 1']);
    c.receives(ack(1003, c.lastNumber, c.lastNumber));
    expect(c.holds('internal')).toEqual([]);
  });

  it('forgets the end of a flow that began again', () => {
    const c = afterHandshake();
    c.begins(1);
    c.turn();
    c.ends(1);
    c.turn();
    c.begins(1);
    c.turn();
    const last = c.lastNumber;
    expect(c.takeSent()).toEqual(['NEW 1', 'DEL 1', 'NEW 1']);
    expect(kept(c, last)).toEqual([0]);
    c.receives(nack(1002, last - 2, last - 1));
    expect(c.takeSent()).toEqual([]);
  });

  it('loses what a commit or flush of its own ended, without sending it', () => {
    const c = afterHandshake();
    c.begins(1);
    c.turn();
    c.command(Request.FLUSH_KERNEL_CT);
    expect(c.takeSent()).toEqual(['NEW 1']);
    expect(c.holds('internal')).toEqual(['(1)']);
    c.receives(nack(1002, c.lastNumber, c.lastNumber));
    expect(c.takeSent()).toEqual(['DEL 1']);
  });
});

describe('a turn', () => {
  it('sends a flow as it is in the end: NEW and a change are an UPD, NEW and the end a DEL', () => {
    const c = afterHandshake({}, [9]);
    c.changes(9, { mark: 1 });
    c.turn();
    c.takeSent();
    c.begins(1);
    c.changes(1, { mark: 1 });
    c.begins(2);
    c.ends(2);
    c.ends(9);
    c.begins(9);
    c.changes(9, { mark: 2 });
    c.turn();
    expect(c.takeSent()).toEqual(['UPD 1', 'DEL 2', 'UPD 9']);
  });

  it('takes one event when it is the first that has any, and then one more than the limit', () => {
    const c = new CStation({ eventIterationLimit: 3 });
    for (let n = 1; n <= 6; n++) c.begins(n);
    c.turn();
    expect(c.takeSent()).toEqual(
      ['NEW 1', 'NEW 2', 'NEW 3', 'NEW 4', 'NEW 5', 'NEW 6'].map((each) => `${each} +HELLO`),
    );
    expect(c.datagrams).toHaveLength(3);
  });

  it('ends a datagram below the limit', () => {
    const c = afterHandshake({ payloadLimit: 3 * (8 + 44) });
    c.begins(9);
    c.turn();
    for (let n = 1; n <= 5; n++) c.begins(n);
    c.datagrams.length = 0;
    c.turn();
    expect(c.datagrams).toEqual([104, 104, 52]);
  });

  it('never comes back from a record that fits into no datagram; the model refuses', () => {
    const c = afterHandshake({ payloadLimit: 52 });
    c.begins(1);
    expect(() => c.turn()).toThrow('52 bytes: C loops for ever');
  });
});

describe('a resync', () => {
  it('is answered with everything, as NEW or UPD, and with ends that wait for an ACK', () => {
    const c = afterHandshake();
    c.begins(1);
    c.begins(2);
    c.begins(3);
    c.turn();
    c.changes(2, { mark: 2 });
    c.ends(3);
    c.turn();
    c.takeSent();
    c.receives(resync(1002));
    expect(c.takeSent().sort()).toEqual(['DEL 3', 'NEW 1', 'UPD 2']);
  });

  it('can be asked for and sent on command', () => {
    const c = afterHandshake({}, [4]);
    c.command(Request.REQUEST_RESYNC);
    c.command(Request.SEND_BULK);
    expect(c.takeSent()).toEqual(['RESYNC 0..0', 'NEW 4']);
  });
});

describe('what is received', () => {
  it('replaces with NEW, merges with UPD, removes with DEL', () => {
    const c = afterHandshake();
    c.receives(data(NEW, 1002, peerRecord(1, { mark: 1 })));
    c.receives(data(UPD, 1003, peerRecord(1, { helper: 'ftp' })));
    expect(c.record('external', 1)).toMatchObject({ mark: 1, helper: 'ftp' });
    c.receives(data(NEW, 1004, peerRecord(1)));
    expect(c.record('external', 1)).not.toHaveProperty('mark');
    c.receives(data(UPD, 1005, peerRecord(2)));
    c.receives(data(DEL, 1006, peerRecord(1)));
    c.receives(data(DEL, 1007, peerRecord(77)));
    expect(c.holds('external')).toEqual(['2']);
    expect(c.node.external!.flows.counters).toEqual({
      active: 1,
      created: 3,
      refused: 0,
      updated: 1,
      destroyed: 2,
    });
  });

  it('finds no room beyond HashLimit', () => {
    const c = afterHandshake({ hashLimit: 2 });
    c.receives(...[1, 2, 3].map((n) => data(NEW, 1001 + n, peerRecord(n))));
    expect(c.holds('external')).toEqual(['1', '2']);
    expect(c.node.external!.flows.counters.refused).toBe(1);
  });
});
