import { describe, expect, it } from 'vitest';
import { ack, alive, nack } from '../../../sim/fuzz/messages.ts';
import { AckDelays } from '../../../src/sync/ftfw/ack/ack-delays.ts';
import { AckProbe, type ProbedPeer } from '../../../src/sync/ftfw/ack/ack-probe.ts';
import { Flag } from '../../../src/wire/header.ts';
import { Node } from '../node.ts';

class FakePeer implements ProbedPeer {
  answeredProbe = 0;
  readonly presence = { isSilent: false };
}

function probeOf(...peers: FakePeer[]): AckProbe {
  return new AckProbe({ states: () => peers });
}

describe('AckProbe', () => {
  it('measures one message at a time, and the next one 100 ms later at the earliest', () => {
    const peer = new FakePeer();
    const probe = probeOf(peer);
    probe.noteSent(1, 0);
    probe.noteSent(2, 10);
    expect(probe.noteAck(peer, 0, 0, 20)).toBe(-1);
    expect(probe.noteAck(peer, 0, 2, 30)).toBe(30);
    expect(probe.noteAck(peer, 0, 2, 31)).toBe(-1);
    probe.noteSent(3, 99);
    expect(probe.noteAck(peer, 3, 3, 100)).toBe(-1);
    probe.noteSent(4, 100);
    expect(probe.noteAck(peer, 4, 4, 104)).toBe(4);
  });

  it('measures each peer, and waits for all but those that are silent', () => {
    const [fast, slow, silent] = [new FakePeer(), new FakePeer(), new FakePeer()];
    silent.presence.isSilent = true;
    const probe = probeOf(fast, slow, silent);
    probe.noteSent(7, 0);
    expect(probe.noteAck(fast, 7, 7, 5)).toBe(5);
    probe.noteSent(8, 500);
    expect(probe.noteAck(slow, 7, 8, 900)).toBe(900);
    probe.noteSent(9, 901);
    expect(probe.noteAck(fast, 9, 9, 911)).toBe(10);
  });

  it('does not measure what was lost, nor what nobody acknowledges', () => {
    const peer = new FakePeer();
    const probe = probeOf(peer);
    probe.noteSent(1, 0);
    expect(probe.noteAck(peer, 2, 5, 10)).toBe(-1);
    probe.noteSent(6, 200);
    probe.noteSent(7, 60_199);
    probe.noteSent(8, 60_200);
    expect(probe.noteAck(peer, 6, 7, 60_210)).toBe(-1);
    expect(probe.noteAck(peer, 8, 8, 60_220)).toBe(20);
  });

  it('goes over the end of the numbers', () => {
    const peer = new FakePeer();
    const probe = probeOf(peer);
    probe.noteSent(0xffff_ffff, 0);
    expect(probe.noteAck(peer, 0xffff_fff0, 0xffff_fffe, 1)).toBe(-1);
    expect(probe.noteAck(peer, 0xffff_ffff, 3, 2)).toBe(2);
  });
});

describe('AckDelays', () => {
  it('knows the distribution since the start, and quantiles of the last minute', () => {
    const delays = new AckDelays();
    expect(delays.statistics(0)).toMatchObject({ total: { count: 0, sum: 0 } });
    expect(delays.statistics(0).recent).toBeUndefined();
    for (let n = 1; n <= 100; n++) delays.record(n, 1000);
    delays.record(3000, 50_000);
    expect(delays.statistics(60_999).recent).toEqual({ count: 101, p50Ms: 51, p99Ms: 100 });
    expect(delays.statistics(61_000).recent).toEqual({ count: 1, p50Ms: 3000, p99Ms: 3000 });
    const { recent, total } = delays.statistics(200_000);
    expect(recent).toBeUndefined();
    expect([total.count, total.sum]).toEqual([101, 8050]);
    expect(total.buckets).toContainEqual([50, 50]);
  });

  it('keeps the last 600', () => {
    const delays = new AckDelays();
    for (let n = 0; n < 1000; n++) delays.record(n, n);
    expect(delays.statistics(1000).recent).toEqual({ count: 600, p50Ms: 699, p99Ms: 993 });
  });
});

describe('FT-FW: how long acknowledgements take', () => {
  it('is measured from sending a record to the ACK that covers it', () => {
    const node = new Node({ first: 1000 });
    node.begin(1);
    node.transmit();
    node.advance(700);
    node.receive(ack(1, 1000, 1000, Flag.HELLO_BACK), 4);
    const { recent, total } = node.engine.status(node.now).ackDelays!;
    expect(total.count).toBe(1);
    expect(recent).toEqual({ count: 1, p50Ms: total.sum, p99Ms: total.sum });
    expect(total.sum).toBeGreaterThanOrEqual(700);
    expect(total.sum).toBeLessThan(1000);
  });

  it('is not measured where a record was lost, or by an ACK of what was never sent', () => {
    const node = new Node({ first: 1000 });
    node.begin(1);
    node.transmit();
    node.receive(alive(1, Flag.HELLO_BACK), 4);
    node.receive(ack(2, 1000, 2_000_000_000), 4);
    node.receive(nack(3, 1000, 1000), 4);
    node.transmit();
    node.receive(ack(4, 1001, 1001), 4);
    expect(node.engine.status(node.now).ackDelays!.total.count).toBe(0);
  });
});
