import type { CNodeOptions } from '../../../sim/c-node/node.ts';
import { ack, alive, concat, control, data, nack, resync } from '../../../sim/fuzz/messages.ts';
import { Request } from '../../../src/control/codes.ts';
import { Status } from '../../../src/flow/status.ts';
import { Flag } from '../../../src/wire/header.ts';
import type { Script, Step } from './script.ts';
import { insert, mark, peerFlow, remove, tcp, udp } from './scripts.ts';

/** Numbers below 2^32 from a seed: Marsaglia's xorshift. */
function numbersFrom(seed: number): (below: number) => number {
  let state = (seed * 0x9e3779b1) | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const COMMANDS = [
  Request.COMMIT_ALL,
  Request.COMMIT_CT,
  Request.SEND_BULK,
  Request.SEND_BULK,
  Request.REQUEST_RESYNC,
  Request.RESYNC_KERNEL_ALL,
  Request.FLUSH_INTERNAL,
  Request.FLUSH_EXTERNAL,
  Request.FLUSH_CACHES_ALL,
  Request.FLUSH_KERNEL_ALL,
];

const MODES = ['ftfw', 'ftfw', 'ftfw', 'notrack', 'alarm'] as const;

/** How many flows there are on either side: few, so that they meet. */
const FLOWS = 8;

/** A life of a node that nobody would have thought of: always the same for a seed. */
export function generatedScript(seed: number, length: number): Script {
  const below = numbersFrom(seed);
  const oneOf = <T>(values: readonly T[]): T => values[below(values.length)]!;
  const mode = MODES[seed % MODES.length]!;
  const options: Partial<CNodeOptions> = {
    mode,
    commitTimeout: 600,
    startupResync: mode !== 'alarm',
    ackWindowSize: 2 + below(8),
    resendQueueSize: 3 + below(20),
    refreshTime: 100_000,
    hashSize: oneOf([1, 5, 65_536]),
    hashLimit: oneOf([6, 262_144]),
  };
  // In what order a kernel dumps its table only that kernel knows, and where room is scarce it makes a difference.
  const scarce = options.hashSize !== 65_536 || options.hashLimit !== 262_144;
  const commands = COMMANDS.filter((request) => !scarce || request !== Request.RESYNC_KERNEL_ALL);
  let sequence = 1000;

  const record = () =>
    peerFlow(
      1 + below(FLOWS),
      oneOf([{}, { mark: below(9) }, { status: Status.CONFIRMED | Status.SEEN_REPLY }, { zone: 7 }]),
    );
  const flags = () =>
    below(12) === 0 ? oneOf([Flag.HELLO, Flag.HELLO_BACK, Flag.HELLO | Flag.HELLO_BACK]) : 0;

  /** A message, mostly the next one in order. */
  const message = (base: number): Uint8Array => {
    switch (below(40)) {
      case 0:
        sequence += 1 + below(5);
        break;
      case 1:
        sequence -= 1 + below(5);
        break;
      case 2:
        sequence = oneOf([10, 1_000_000, 3_000_000_000]);
        break;
    }
    const number = sequence++ >>> 0;
    // Numbers of the node's own, some of which it has not used yet.
    const from = base - 2 + below(length);
    const to = from - 1 + below(20);
    switch (below(20)) {
      case 0:
      case 1:
        return alive(number, flags());
      case 2:
      case 3:
        return ack(number, from, to, flags());
      case 4:
      case 5:
        return nack(number, from, to, flags());
      case 6:
        return resync(number, flags());
      case 7:
        return oneOf([
          control(0, number),
          data(9, number, record()),
          data(0, number, Uint8Array.of(1, 2, 3, 4, 5)),
          control(255, number),
        ]);
      default:
        return data(below(3), number, record(), flags());
    }
  };

  const sent = (): Step => {
    const count = below(6) === 0 ? 2 + below(4) : 1;
    // Ranges count from the node's first number, which is not known before the node has spoken.
    const offset = 2 ** 31;
    const messages = Array.from({ length: count }, () => message(offset));
    return {
      do: 'send',
      third: below(15) === 0,
      datagram: (base) => concat(...messages.map((each) => shifted(each, (base - offset) | 0))),
    };
  };

  const ofKernel = (): Step => {
    const n = 1 + below(FLOWS);
    const flow = n % 2 === 0 ? udp(n) : tcp(n);
    switch (below(5)) {
      case 0:
        return remove(flow);
      case 1:
      case 2:
        return mark(flow, below(9));
      default:
        return insert(flow);
    }
  };

  const step = (): Step => {
    const kind = below(50);
    if (kind < 4) {
      return {
        do: 'at once',
        steps: Array.from({ length: 2 + below(5) }, () => (below(2) ? sent() : ofKernel())),
      };
    }
    if (kind < 20) return ofKernel();
    if (kind < 25) return { do: 'command', request: oneOf(commands) };
    if (kind === 25) return { do: 'wait', milliseconds: 300 };
    return sent();
  };

  const steps = Array.from({ length }, step);
  return {
    name: `seed ${seed}: ${mode}`,
    options,
    before: scarce ? [udp(2)] : [udp(2), tcp(3)],
    steps: [...steps, { do: 'wait', milliseconds: mode === 'alarm' ? 0 : 1200 }],
  };
}

/** An ACK or NACK with its range moved by so many numbers; any other message as it is. */
function shifted(message: Uint8Array, by: number): Uint8Array {
  const ranged = (message[0]! & 15) === 10 && (message[1]! & (Flag.ACK | Flag.NACK)) !== 0;
  if (!ranged || message.length < 16) return message;
  const moved = message.slice();
  const view = new DataView(moved.buffer);
  view.setUint32(8, view.getUint32(8) + by);
  view.setUint32(12, view.getUint32(12) + by);
  return moved;
}
