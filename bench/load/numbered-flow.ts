import { Status } from '../../src/flow/status.ts';
import { encodeFlow } from '../../src/wire/encode.ts';

const ESTABLISHED = 3;
/** Seconds. */
const TIMEOUT = 3600;
const TCP = 6;
/** Found again in the record to be put in its place: see {@link NumberedFlow}. */
const MARKED = { address: '10.65.66.67', bytes: [10, 65, 66, 67], port: 0x7172, mark: 0x43444546 };

/** A record that becomes any of many established TCP flows by a number, without anything being made for it. */
export class NumberedFlow {
  readonly bytes: Uint8Array;
  private readonly addressAt: number;
  private readonly portAt: number;
  private readonly markAt: number;

  constructor() {
    this.bytes = encodeFlow({
      original: {
        family: 4,
        source: MARKED.address,
        destination: '203.0.113.10',
        protocol: TCP,
        ports: { source: MARKED.port, destination: 80 },
      },
      status: Status.SEEN_REPLY | Status.ASSURED | Status.CONFIRMED,
      tcp: { state: ESTABLISHED },
      mark: MARKED.mark,
      timeout: TIMEOUT,
    });
    this.addressAt = this.placeOf(MARKED.bytes);
    this.portAt = this.placeOf([MARKED.port >> 8, MARKED.port & 0xff]);
    this.markAt = this.placeOf([0x43, 0x44, 0x45, 0x46]);
  }

  /** The nth flow, with this mark. The same flows as `tcpLoad` makes, 1,000 to an address. */
  become(n: number, mark: number): void {
    const { bytes, addressAt, portAt, markAt } = this;
    const host = Math.floor(n / 1000);
    const port = 1024 + (n % 1000);
    bytes[addressAt + 1] = 64 + ((host >>> 16) & 63);
    bytes[addressAt + 2] = host >>> 8;
    bytes[addressAt + 3] = host;
    bytes[portAt] = port >>> 8;
    bytes[portAt + 1] = port;
    bytes[markAt] = mark >>> 24;
    bytes[markAt + 1] = mark >>> 16;
    bytes[markAt + 2] = mark >>> 8;
    bytes[markAt + 3] = mark;
  }

  private placeOf(wanted: readonly number[]): number {
    const at = Buffer.from(this.bytes).indexOf(Buffer.from(wanted));
    if (at < 0) throw new Error(`no attribute holds ${wanted.join(', ')}`);
    return at;
  }
}
