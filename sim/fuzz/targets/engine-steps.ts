import type { Random } from '../../random.ts';
import { ack, alive, concat, control, data, nack, resync } from '../messages.ts';

import { expectationRecord, FLOWS, flowRecord } from './engine-records.ts';

/** What happens to a node, a piece of the input each: kind, argument, length (u8, u8, u16), bytes. */
export const Step = {
  /** A datagram from the sender with the argument's number. */
  DATAGRAM: 0,
  /** The kernel reports a flow or an expectation: which, by the two bytes; what of it, by the argument. */
  EVENT: 1,
  /** Time passes, the argument times 50 ms. */
  TIME: 2,
  /** The queue is sent, at most so many messages. */
  TRANSMIT: 3,
  /** A peer acknowledges, or asks again for, some of the last numbers that the node gave out. */
  ANSWER: 4,
  COMMAND: 5,
} as const;

/** A story that makes sense for the most part: numbers that rise, gaps, repeats, restarts, the wrap. */
export function generateSteps(random: Random, pool: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.from([random.u32(), random.u32(), random.u32(), random.u32()])];
  const numbers = new Uint32Array(4).map(() => (random.oneIn(3) ? 0xffff_fff0 : random.u32()));
  const piece = (kind: number, argument: number, body: Uint8Array = new Uint8Array(0)) => {
    parts.push(Uint8Array.from([kind, argument, body.length >> 8, body.length]), body);
  };
  const count = random.between(100, 400);
  for (let n = 0; n < count; n++) {
    const turn = random.below(16);
    if (turn < 7) {
      const sender = random.oneIn(20) ? random.below(70) : random.below(2);
      piece(Step.DATAGRAM, sender, peerDatagram(random, pool, numbers, sender & 3));
    } else if (turn < 11) piece(Step.EVENT, random.u32(), Uint8Array.from([random.u32(), random.u32()]));
    else if (turn === 11) piece(Step.TIME, random.oneIn(4) ? random.below(80) : random.below(4));
    else if (turn < 14) piece(Step.TRANSMIT, random.oneIn(4) ? random.below(4) : 200);
    else if (turn === 14) {
      piece(Step.ANSWER, random.u32(), Uint8Array.from([random.u32(), random.u32(), random.u32()]));
    } else piece(Step.COMMAND, random.u32());
  }
  return concat(...parts);
}

/** As many gaps as fit into a datagram: each asks for two answers. */
function gaps(sequence: number, count: number): Uint8Array {
  return concat(...Array.from({ length: count }, (_, n) => alive((sequence + 2 * n) >>> 0)));
}

function peerDatagram(
  random: Random,
  pool: readonly Uint8Array[],
  numbers: Uint32Array,
  sender: number,
): Uint8Array {
  const step = random.below(10);
  if (step === 0) numbers[sender]! += random.between(2, 400);
  else if (step === 1) numbers[sender]! -= random.between(1, 40);
  else if (random.oneIn(50)) numbers[sender] = random.u32();
  else numbers[sender]!++;
  const sequence = numbers[sender]!;
  const hello = random.oneIn(6) ? random.pick([32, 64, 96]) : 0;
  if (random.oneIn(400)) return gaps(sequence, 5000);
  switch (random.below(8)) {
    case 0:
      return alive(sequence, hello);
    case 1:
      return ack(sequence, random.u32(), random.u32(), hello);
    case 2:
      return nack(sequence, random.u32(), random.u32(), hello);
    case 3:
      return random.oneIn(4) ? resync(sequence, hello) : control(random.u32() & 0xff, sequence);
    case 4: {
      const known = Uint8Array.from(random.pick(pool));
      if (known.length >= 8) new DataView(known.buffer).setUint32(4, sequence);
      return known;
    }
    case 5:
      return data(
        3 + random.below(3),
        sequence,
        expectationRecord(random.below(FLOWS), random.below(256)),
        hello,
      );
    default:
      return data(random.below(3), sequence, flowRecord(random.below(FLOWS), random.below(256)), hello);
  }
}
