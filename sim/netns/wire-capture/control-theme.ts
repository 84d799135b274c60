import { setTimeout as sleep } from 'node:timers/promises';
import { Flag, MessageType, sequenceOf, typeOf } from '../../../src/wire/header.ts';
import type { Theme } from './recorder.ts';
import { V4 } from './theme-parts.ts';

function message(type: number, flags: number, sequence: number, ...range: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 + 4 * range.length);
  bytes[0] = 0x10 | type;
  bytes[1] = flags;
  bytes.writeUInt16BE(bytes.length, 2);
  bytes.writeUInt32BE(sequence >>> 0, 4);
  range.forEach((word, n) => {
    bytes.writeUInt32BE(word >>> 0, 8 + 4 * n);
  });
  return bytes;
}

export const control: Theme = {
  name: 'control',
  configuration: { mode: 'FTFW', inMode: ['CommitTimeout 180'] },
  options: 'Mode FTFW { CommitTimeout 180 }, the peer is a plain socket that answers by hand',
  keepsAlive: true,
  async work(recorder) {
    const {
      peer,
      lab: { a },
    } = recorder;
    const alive = (sequence: number, flags = 0) =>
      peer.send(message(MessageType.CONTROL, Flag.ALIVE | flags, sequence));
    const wait = (milliseconds: number) => () => sleep(milliseconds);
    const flow = (port: number) =>
      `-I -p tcp ${V4} --sport ${port} --dport 80 --state ESTABLISHED -t 600`.split(' ');

    await recorder.must('start', 'a node that has received nothing', wait(2_500));
    await recorder.must('start-flow', 'its first flow', () => a.conntrack(...flow(30_001)));
    await recorder.must('greeted', 'the peer sends HELLO with number 1000', async () => {
      alive(1000, Flag.HELLO);
      await sleep(1_200);
    });
    await recorder.must('answered', 'the peer sends HELLO_BACK with number 1001', async () => {
      alive(1001, Flag.HELLO_BACK);
      await sleep(1_200);
    });
    await recorder.must('quiet', 'the peer sends nothing', wait(2_500));
    await recorder.must('flow', 'a flow after the handshake', () => a.conntrack(...flow(30_002)));
    await recorder.must('gap', 'the peer leaves out 1002 to 1009', () => alive(1010));
    await recorder.must('window', 'the peer sends 300 ALIVE without a gap', () => {
      for (let n = 1; n <= 300; n++) alive(1010 + n);
    });
    await recorder.must('second-gap', 'the peer sends two messages, then leaves out one', () => {
      alive(1311);
      alive(1312);
      alive(1314);
    });
    await recorder.must('resync', 'conntrackd -n', () => a.node().command('-n'));
    const sent = peer.received.findLast((datagram) => typeOf(datagram, 0) === MessageType.CT_NEW)!;
    await recorder.must('resend', 'the peer sends NACK for the last flow', () => {
      const missed = sequenceOf(sent, 0);
      peer.send(message(MessageType.CONTROL, Flag.NACK, 1315, missed, missed));
    });
    await a.load(Array.from({ length: 40 }, (_, n) => flow(31_000 + n).join(' ')));
    await peer.settle();
    await recorder.must('bulk', 'conntrackd -B', () => a.node().command('-B'));
    await recorder.must('asked', 'the peer sends RESYNC', () =>
      peer.send(message(MessageType.CONTROL, Flag.RESYNC, 1316, 0, 0)),
    );
  },
};
