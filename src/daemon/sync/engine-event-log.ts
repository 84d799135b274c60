import type { SenderDescription } from '../../link/links.ts';
import type { EngineEvent } from '../../sync/engine.ts';
import type { Log } from '../process/log.ts';
import type { LogFields } from '../process/log-entry.ts';
import type { EngineEventHandler } from './transmitter.ts';

/** Starts a task if it is not under way. */
export interface Task {
  run(): Promise<void>;
}

/** Milliseconds between two lines about requests of peers, at least. */
const REQUEST_LINE_INTERVAL_MS = 1000;
/** The same about false HELLOs. */
const HELLO_LINE_INTERVAL_MS = 60_000;

/** Logs and counts what the engine reports, and starts the bulk that only the kernel's table can answer. */
export class EngineEventLog implements EngineEventHandler {
  private readonly log: Log;
  private readonly counters: { bulks: number };
  private readonly bulkFromKernel: Task;

  private readonly now: () => number;
  private readonly describeSender: (sender: number) => SenderDescription | undefined;
  private nextRequestLineAt = Number.NEGATIVE_INFINITY;
  private nextHelloLineAt = Number.NEGATIVE_INFINITY;

  /**
   * @param now milliseconds of a clock that never goes back
   * @param describeSender undefined for a sender that has no name
   */
  constructor(
    log: Log,
    counters: { bulks: number },
    bulkFromKernel: Task,
    now: () => number,
    describeSender: (sender: number) => SenderDescription | undefined,
  ) {
    this.now = now;
    this.describeSender = describeSender;
    this.log = log;
    this.counters = counters;
    this.bulkFromKernel = bulkFromKernel;
  }

  handle(event: EngineEvent): void {
    switch (event.kind) {
      case 'resync-requested-by-peer':
        this.noteRequest();
        break;
      case 'resync-requested':
        this.log.notice('resync requested', { event: 'resync_requested' });
        break;
      case 'bulk-update':
        this.counters.bulks++;
        this.log.notice('sending bulk update', { event: 'bulk', records: event.records });
        break;
      case 'bulk-from-kernel':
        void this.bulkFromKernel.run();
        break;
      case 'peer-adopted':
        this.log.notice('peer restarted without HELLO; accepting its sequence numbers', {
          event: 'peer_restarted',
          said_hello: false,
          ...this.describe(event.sender),
        });
        break;
      case 'peer-restarted':
        this.log.notice('peer restarted', {
          event: 'peer_restarted',
          said_hello: true,
          ...this.describe(event.sender),
        });
        break;
      case 'peer-silent':
        this.log.warning('no message of a peer for 5 seconds', {
          event: 'peer_silent',
          silent_ms: event.silentMs,
          ...this.describe(event.sender),
        });
        break;
      case 'peer-back':
        this.log.notice('a peer that was silent is heard again', {
          event: 'peer_back',
          silent_ms: event.silentMs,
          ...this.describe(event.sender),
        });
        break;
      case 'peer-refused':
        this.log.warning(
          'messages of a peer are ignored: their sequence numbers are behind those that came before',
          { event: 'peer_refused', stale_ms: event.staleMs, ...this.describe(event.sender) },
        );
        break;
      case 'hello-refused':
        this.noteFalseHello(event.sender, event.total);
        break;
      case 'resync-complete':
        break;
    }
  }

  private describe(sender: number): Pick<LogFields, 'link' | 'sender_address'> {
    const described = this.describeSender(sender);
    return { link: described?.interface, sender_address: described?.address };
  }

  /** Anybody can ask, as often as they like. */
  private noteRequest(): void {
    const now = this.now();
    if (now < this.nextRequestLineAt) return;
    this.nextRequestLineAt = now + REQUEST_LINE_INTERVAL_MS;
    this.log.notice('resync requested by other node', { event: 'resync_requested_by_peer' });
  }

  /** As often as somebody likes. @param total false HELLOs since the start */
  private noteFalseHello(sender: number, total: number): void {
    const now = this.now();
    if (now < this.nextHelloLineAt) return;
    this.nextHelloLineAt = now + HELLO_LINE_INTERVAL_MS;
    this.log.warning(
      'refused HELLO: the peer goes on with its sequence numbers; somebody may speak in its name',
      {
        event: 'hello_refused',
        hellos_total: total,
        ...this.describe(sender),
      },
    );
  }
}
