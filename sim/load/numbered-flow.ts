import { Status } from '../../src/flow/status.ts';
import { putCreate } from '../../src/kernel/codec/flow-request.ts';
import { NetlinkWriter } from '../../src/system/netlink.ts';
import { encodeFlow } from '../../src/wire/encode.ts';

/** Seconds. */
const TIMEOUT = 3600;
const TCP = 6;

/** Marker values that the constructor finds in the bytes and later replaces. No two share bytes. */
const ADDRESS = [10, 65, 66, 67];
const PORT = [0x71, 0x72];
const MARK = [0x43, 0x44, 0x45, 0x46];

const FLOW = {
  original: {
    family: 4,
    source: ADDRESS.join('.'),
    destination: '203.0.113.10',
    protocol: TCP,
    ports: { source: 0x7172, destination: 80 },
  },
  mark: 0x43444546,
  timeout: TIMEOUT,
} as const;

/** How far the connections are: TCP's state and the kernel's status. */
const STAGES = {
  established: { tcp: { state: 3 }, status: Status.SEEN_REPLY | Status.ASSURED | Status.CONFIRMED },
  unanswered: { tcp: { state: 1 }, status: Status.CONFIRMED },
} as const;

export type Stage = keyof typeof STAGES;

/** Flows per address. */
const PORTS = 1000;
const FIRST_PORT = 1024;

/**
 * The bytes of a TCP flow. A number turns them into the bytes of any of many such flows, without allocating
 * anything.
 */
export class NumberedFlow {
  readonly bytes: Uint8Array;
  private readonly addresses: readonly number[];
  private readonly ports: readonly number[];
  private readonly marks: readonly number[];

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.addresses = placesOf(bytes, ADDRESS);
    this.ports = placesOf(bytes, PORT);
    this.marks = placesOf(bytes, MARK);
  }

  /** The nth flow, with this mark. These are the same flows that `tcpLoad` makes. */
  become(n: number, mark: number): void {
    const { bytes, addresses, ports, marks } = this;
    const host = Math.floor(n / PORTS);
    const port = FIRST_PORT + (n % PORTS);
    for (let place = 0; place < addresses.length; place++) {
      const at = addresses[place]!;
      bytes[at + 1] = 64 + ((host >>> 16) & 63);
      bytes[at + 2] = host >>> 8;
      bytes[at + 3] = host;
    }
    for (let place = 0; place < ports.length; place++) {
      const at = ports[place]!;
      bytes[at] = port >>> 8;
      bytes[at + 1] = port;
    }
    for (let place = 0; place < marks.length; place++) {
      const at = marks[place]!;
      bytes[at] = mark >>> 24;
      bytes[at + 1] = mark >>> 16;
      bytes[at + 2] = mark >>> 8;
      bytes[at + 3] = mark;
    }
  }
}

function placesOf(bytes: Uint8Array, wanted: readonly number[]): number[] {
  const places: number[] = [];
  const [all, one] = [Buffer.from(bytes), Buffer.from(wanted)];
  for (let at = all.indexOf(one); at >= 0; at = all.indexOf(one, at + 1)) places.push(at);
  if (places.length === 0) throw new Error(`no attribute holds ${wanted.join(', ')}`);
  return places;
}

/** The flow as a record. */
export function numberedRecord(stage: Stage = 'established'): NumberedFlow {
  return new NumberedFlow(encodeFlow({ ...FLOW, ...STAGES[stage] }));
}

/** An established flow as a netlink message. A create request and the kernel's message about the flow have the same layout. */
export function numberedMessage(): NumberedFlow {
  const record = encodeFlow({ ...FLOW, ...STAGES.established });
  const message = new NetlinkWriter(4096);
  putCreate(message, 0, record, 0, record.length, 0, false);
  return new NumberedFlow(message.bytes.slice(0, message.at));
}
