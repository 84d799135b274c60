import { numberedMessage, numberedRecord } from '../../sim/load/numbered-flow.ts';
import { Change, Origin } from '../../src/flow/change.ts';
import { putCreate } from '../../src/kernel/codec/flow-request.ts';
import { Transcoder } from '../../src/kernel/codec/transcode.ts';
import { RequestBatch } from '../../src/kernel/ctnetlink/requests/request-batch.ts';
import { kernelCounters } from '../../src/kernel/kernel.ts';
import { AddressTable } from '../../src/link/address-table.ts';
import { PlainIntake } from '../../src/link/intake/intake.ts';
import { Refusals } from '../../src/link/intake/refusals.ts';
import { Outcome, SealedChannel } from '../../src/link/sealed/channel.ts';
import { linkKey } from '../../src/link/sealed/key.ts';
import { AddressList } from '../../src/link/senders/address-list.ts';
import { socketAddress } from '../../src/link/socket-address.ts';
import { NetlinkWriter } from '../../src/system/netlink.ts';
import { ExternalCache } from '../../src/table/external-cache.ts';
import { FlowKeyer } from '../../src/table/key.ts';
import { RecordTable } from '../../src/table/record-table.ts';
import { decodeExpectation, decodeFlow } from '../../src/wire/decode.ts';
import { encodeExpectation, encodeFlow } from '../../src/wire/encode.ts';
import { FLOW_FORMAT, Form } from '../../src/wire/record.ts';
import { RecordChecker } from '../../src/wire/record-checker.ts';
import { Circuit } from './circuit.ts';

/** One operation that the bench repeats. */
export interface Step {
  readonly name: string;
  /** Prepares the operation and returns a function that performs it `count` times. */
  prepare(): (count: number) => void;
}

/** Records in the table: more than the processor's caches hold. */
const TABLE = 200_000;
/** Step of a walk that visits every record of the table, but never two neighbours in a row. */
const STRIDE = 7919;

const TUPLE = {
  family: 4,
  source: '10.0.0.1',
  destination: '198.51.100.1',
  protocol: 6,
  ports: { source: 1024, destination: 21 },
} as const;

/** Bytes of a small and of a full datagram. */
const DATAGRAMS = [200, 1400] as const;

/** Two channels that have greeted each other: what `one` sends is handed to `other`. */
function sealedPair(): { readonly one: SealedChannel; readonly other: SealedChannel; last(): Uint8Array } {
  const keys = [linkKey(new Uint8Array(32).fill(1))];
  let last: Uint8Array = new Uint8Array(0);
  let isGreeting = true;
  const one: SealedChannel = new SealedChannel(keys, (bytes, length) => {
    last = bytes.subarray(0, length);
    if (isGreeting) other.receive(last.slice(), 0, length);
  });
  const other: SealedChannel = new SealedChannel(keys, (bytes, length) =>
    one.receive(bytes.slice(0, length), 0, length),
  );
  one.handleTick();
  isGreeting = false;
  if (one.peers !== 1 || other.peers !== 1) throw new Error('the channels have not greeted each other');
  return { one, other, last: () => last };
}

/** Keeps a sum, so that the compiler cannot remove work without an effect. */
let sink = 0;

function filledTable(): RecordTable {
  const table = new RecordTable(new FlowKeyer(1), 2 * TABLE);
  const record = numberedRecord();
  for (let n = 0; n < TABLE; n++) {
    record.become(n, 0);
    table.find(record.bytes, 0, record.bytes.length);
    table.add(record.bytes, 0, record.bytes.length, 0);
  }
  return table;
}

/** Record numbers in the order of the walk. */
function walk(): () => number {
  let n = 0;
  return () => {
    n += STRIDE;
    if (n >= TABLE) n -= TABLE;
    return n;
  };
}

export const STEPS: readonly Step[] = [
  {
    name: 'wire: check a record',
    prepare() {
      const { bytes } = numberedRecord();
      const checker = new RecordChecker(FLOW_FORMAT);
      return (count) => {
        for (let n = 0; n < count; n++) {
          if (checker.check(bytes, 0, bytes.length) === Form.MALFORMED) throw new Error('malformed');
        }
      };
    },
  },
  {
    name: 'wire: decode a record for people',
    prepare() {
      const { bytes } = numberedRecord();
      return (count) => {
        for (let n = 0; n < count; n++) sink = (sink + (decodeFlow(bytes, 0, bytes.length).timeout ?? 0)) | 0;
      };
    },
  },
  {
    name: 'wire: decode an expectation for people',
    prepare() {
      const bytes = encodeExpectation({
        master: TUPLE,
        expected: TUPLE,
        mask: TUPLE,
        nat: { tuple: TUPLE, direction: 1 },
        timeout: 300,
        flags: 0,
        class: 0,
        helper: 'ftp',
      });
      return (count) => {
        for (let n = 0; n < count; n++) {
          sink = (sink + (decodeExpectation(bytes, 0, bytes.length).timeout ?? 0)) | 0;
        }
      };
    },
  },
  {
    name: 'wire: encode a flow of people',
    prepare() {
      const { bytes } = numberedRecord();
      const flow = decodeFlow(bytes, 0, bytes.length);
      return (count) => {
        for (let n = 0; n < count; n++) sink = (sink + encodeFlow(flow).length) | 0;
      };
    },
  },
  {
    name: `table: find one of ${TABLE}`,
    prepare() {
      const table = filledTable();
      const record = numberedRecord();
      const next = walk();
      return (count) => {
        for (let n = 0; n < count; n++) {
          record.become(next(), 0);
          sink = (sink + table.find(record.bytes, 0, record.bytes.length)) | 0;
        }
      };
    },
  },
  {
    name: `table: remove and insert one of ${TABLE}`,
    prepare() {
      const table = filledTable();
      const record = numberedRecord();
      const next = walk();
      return (count) => {
        for (let n = 0; n < count; n++) {
          record.become(next(), 0);
          table.remove(table.find(record.bytes, 0, record.bytes.length));
          table.find(record.bytes, 0, record.bytes.length);
          sink = (sink + table.add(record.bytes, 0, record.bytes.length, 0)) | 0;
        }
      };
    },
  },
  {
    name: `table: merge an update into one of ${TABLE}`,
    prepare() {
      const cache = new ExternalCache(FLOW_FORMAT, new FlowKeyer(1), 2 * TABLE);
      const record = numberedRecord();
      for (let n = 0; n < TABLE; n++) {
        record.become(n, 0);
        cache.update(record.bytes, 0, record.bytes.length, 0);
      }
      const next = walk();
      return (count) => {
        for (let n = 0; n < count; n++) {
          record.become(next(), n);
          sink = (sink + cache.update(record.bytes, 0, record.bytes.length, n)) | 0;
        }
      };
    },
  },
  {
    name: "netlink: a kernel's message to a record",
    prepare() {
      const message = numberedMessage();
      const transcoder = new Transcoder({ timeout: true, windowScale: false }, kernelCounters());
      return (count) => {
        for (let n = 0; n < count; n++) {
          message.become(n % TABLE, n);
          sink = (sink + transcoder.flow(message.bytes, 0, message.bytes.length)) | 0;
        }
      };
    },
  },
  {
    name: 'netlink: a record to a create',
    prepare: () => requests((batch, bytes) => batch.create(bytes, 0, bytes.length, 0, true)),
  },
  {
    name: 'netlink: a record to a probe',
    prepare: () => requests((batch, bytes) => batch.probe(bytes, 0, bytes.length)),
  },
  {
    name: 'netlink: a record to a create, attribute by attribute',
    prepare() {
      const { bytes } = numberedRecord();
      const writer = new NetlinkWriter(4096);
      return (count) => {
        for (let n = 0; n < count; n++) {
          writer.at = 0;
          putCreate(writer, n, bytes, 0, bytes.length, 0, true);
          sink = (sink + writer.at) | 0;
        }
      };
    },
  },
  {
    name: 'link: take a received datagram without a key',
    prepare() {
      const address = socketAddress(4, '192.0.2.1', 3780, 1);
      const bytes = new Uint8Array(64 + 1400);
      bytes.set(address);
      bytes[64] = 0x10;
      const allowed = new AddressList(1);
      allowed.add(bytes, 0);
      const senders = new AddressTable();
      senders.addPeer(address);
      const take = {
        datagram: (_link: number, sender: number, _bytes: Uint8Array, start: number, end: number) => {
          sink += sender + end - start;
        },
        drained: () => {},
      };
      const intake = new PlainIntake(0, senders, take, new Refusals());
      return (count) => {
        for (let n = 0; n < count; n++) {
          if (allowed.find(bytes, 0) < 0) throw new Error('a stranger');
          intake.take(bytes, 0, 64, bytes.length, 1400);
        }
      };
    },
  },
  ...DATAGRAMS.map(
    (size): Step => ({
      name: `link: seal a datagram of ${size} bytes`,
      prepare() {
        const { one, last } = sealedPair();
        const datagram = new Uint8Array(size).fill(7);
        return (count) => {
          for (let n = 0; n < count; n++) one.send(datagram, size);
          sink += last().length;
        };
      },
    }),
  ),
  ...DATAGRAMS.map(
    (size): Step => ({
      name: `link: seal a datagram of ${size} bytes, and open it at the peer`,
      prepare() {
        const { one, other, last } = sealedPair();
        const datagram = new Uint8Array(size).fill(7);
        return (count) => {
          for (let n = 0; n < count; n++) {
            one.send(datagram, size);
            const sealed = last();
            if (other.receive(sealed, 0, sealed.length) !== Outcome.DATA) throw new Error('refused');
          }
        };
      },
    }),
  ),
  {
    name: "all: an update's way from the kernel's message into the peer's cache",
    prepare: () => circuit([Change.UPDATE]),
  },
  {
    name: 'all: the same of a flow that ends or begins',
    prepare: () => circuit([Change.DESTROY, Change.NEW]),
  },
];

function requests(put: (batch: RequestBatch, bytes: Uint8Array) => void): (count: number) => void {
  const { bytes } = numberedRecord();
  const batch = new RequestBatch(Origin.COMMIT, () => 1);
  return (count) => {
    for (let n = 0; n < count; n++) {
      if (batch.full) batch.clear();
      put(batch, bytes);
      sink = (sink + batch.size) | 0;
    }
  };
}

function circuit(changes: readonly Change[]): (count: number) => void {
  const both = new Circuit();
  both.events(Change.NEW, 0, TABLE);
  let first = 0;
  return (count) => {
    const share = Math.ceil(count / changes.length);
    for (const change of changes) both.events(change, first, share);
    first = (first + share) % (TABLE - count);
  };
}

/** Uses the sum, so that it counts as used. */
export function effect(): number {
  return sink;
}
