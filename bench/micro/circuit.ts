import { numberedMessage } from '../../sim/load/numbered-flow.ts';
import { type Change, Origin } from '../../src/flow/change.ts';
import { Transcoder } from '../../src/kernel/codec/transcode.ts';
import { kernelCounters } from '../../src/kernel/kernel.ts';
import { FtFw } from '../../src/sync/ftfw/ftfw.ts';
import { Replica } from '../../src/sync/replica.ts';
import { externalCaches, internalCaches } from '../../src/table/caches.ts';
import { Collector } from '../../src/wire/collector.ts';

/** Events per batch; both nodes send after each batch. */
const BATCH = 64;
const LIMIT = 1 << 20;
const PAYLOAD = 1472;
const BUDGET = 4096;
const SENDER = 1;

/** One node without a kernel, links or a clock. */
class Station {
  readonly internal = internalCaches(LIMIT, 1);
  readonly external = externalCaches(LIMIT, 2);
  readonly engine: FtFw;
  readonly replica: Replica;

  constructor() {
    const options = { resendQueueSize: 131_072, ackWindowSize: 300, initialSequence: 1_700_000_000 };
    this.engine = new FtFw(this.internal, options, 0);
    this.replica = new Replica(this.internal, this.external, this.engine);
  }
}

/**
 * The whole path of an event, without system calls: the primary transcodes a kernel message, stores it in its cache and
 * sends it in a datagram; the backup stores it in its cache and acknowledges it.
 */
export class Circuit {
  readonly primary = new Station();
  readonly backup = new Station();
  private readonly transcoder = new Transcoder({ timeout: true, windowScale: false }, kernelCounters());
  private readonly message = numberedMessage();
  private readonly toBackup: Collector;
  private readonly toPrimary: Collector;
  /** Whole milliseconds, like the daemon's clock. */
  private now = 0;

  constructor() {
    this.toBackup = new Collector(PAYLOAD, (bytes, length) => {
      this.backup.replica.handleDatagram(SENDER, bytes, 0, length, this.now);
    });
    this.toPrimary = new Collector(PAYLOAD, (bytes, length) => {
      this.primary.replica.handleDatagram(SENDER, bytes, 0, length, this.now);
    });
  }

  /** Makes an event of this kind for each flow from `first` to below `first + count`; both nodes have all when it returns. */
  events(change: Change, first: number, count: number): void {
    for (let begin = 0; begin < count; begin += BATCH) {
      this.batch(change, first + begin, Math.min(BATCH, count - begin));
      this.exchange();
    }
  }

  private batch(change: Change, first: number, count: number): void {
    const { message, transcoder, now } = this;
    const { flows } = this.primary.replica.cached;
    for (let n = first; n < first + count; n++) {
      message.become(n, n);
      const length = transcoder.flow(message.bytes, 0, message.bytes.length);
      flows.handleKernelChange(change, Origin.OTHER, transcoder.record, length, now);
    }
  }

  private exchange(): void {
    this.now += 1;
    const { primary, backup } = this;
    primary.engine.handleTimeout(this.now);
    backup.engine.handleTimeout(this.now);
    primary.engine.pollTransmit(this.toBackup, this.now, BUDGET);
    backup.engine.pollTransmit(this.toPrimary, this.now, BUDGET);
    primary.engine.pollEvents();
    backup.engine.pollEvents();
  }
}
