import { numberedMessage, numberedRecord } from '../../sim/load/numbered-flow.ts';
import { Change, Origin } from '../../src/flow/change.ts';
import { putCreate } from '../../src/kernel/codec/flow-request.ts';
import { Transcoder } from '../../src/kernel/codec/transcode.ts';
import { RequestBatch } from '../../src/kernel/ctnetlink/request-batch.ts';
import { kernelCounters } from '../../src/kernel/kernel.ts';
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
