import { describe, expect, it } from 'vitest';
import { data } from '../../../sim/fuzz/messages.ts';
import { SteadyRun } from '../../../src/sync/ftfw/series/steady-run.ts';
import { SequenceTracker } from '../../../src/sync/sequence.ts';
import { Flag, MessageType } from '../../../src/wire/header.ts';
import { record } from '../../table/records.ts';
import { connectedNode } from '../node.ts';

const { CT_UPD, CT_DEL } = MessageType;
const SENDER = 1;
const NOW = 1000;

/** A run of a peer whose number 7 was taken. */
function runOfOne(): { readonly run: SteadyRun<{ received: SequenceTracker }>; readonly peer: object } {
  const peer = { received: new SequenceTracker() };
  peer.received.accept(7);
  const run = new SteadyRun<typeof peer>();
  run.begin(peer, SENDER, data(CT_UPD, 7, record(0)), 0, NOW);
  return { run, peer };
}

describe('a run of data', () => {
  it('goes on with the next number of the same sender at the same time', () => {
    const { run, peer } = runOfOne();
    expect(run.peerOf(SENDER, data(CT_DEL, 8, record(1)), 0, NOW)).toBe(peer);
  });

  it.each([
    ['another number', SENDER, 9, 0, NOW],
    ['a copy', SENDER, 7, 0, NOW],
    ['another sender', SENDER + 1, 8, 0, NOW],
    ['another time', SENDER, 8, 0, NOW + 1],
    ['a flag', SENDER, 8, Flag.HELLO_BACK, NOW],
  ])('does not go on with %s', (_, sender, sequence, flags, now) => {
    const message = data(CT_UPD, sequence, record(1));
    message[1] = flags;
    expect(runOfOne().run.peerOf(sender, message, 0, now)).toBeUndefined();
  });

  it('does not begin with HELLO, and does not go on once it has ended', () => {
    const { run, peer } = runOfOne();
    run.end();
    expect(run.peerOf(SENDER, data(CT_UPD, 8, record(1)), 0, NOW)).toBeUndefined();
    const hello = data(CT_UPD, 7, record(0));
    hello[1] = Flag.HELLO;
    run.begin(peer as { received: SequenceTracker }, SENDER, hello, 0, NOW);
    expect(run.peerOf(SENDER, data(CT_UPD, 8, record(1)), 0, NOW)).toBeUndefined();
  });

  it('marks what comes behind a new request at the same time as an answer to it', () => {
    const node = connectedNode();
    for (const n of [0, 1, 2]) node.receive(data(CT_UPD, 50 + n, record(n)), SENDER);
    const before = node.engine.rounds.mark;
    node.engine.requestResync();
    node.transmit();
    node.receive(data(CT_UPD, 53, record(3)), SENDER);
    expect(node.engine.rounds.mark).toBe(before + 1);
  });
});
