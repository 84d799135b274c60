import type { EngineEvent } from '../../sync/engine.ts';
import type { Log } from '../process/log.ts';
import type { EngineEventHandler } from './transmitter.ts';

/** Starts a task if it is not under way. */
export interface Task {
  run(): Promise<void>;
}

/** Milliseconds between two lines about requests of peers, at least. */
const REQUEST_LINE_INTERVAL_MS = 1000;

/** Logs and counts what the engine reports, and starts the bulk that only the kernel's table can answer. */
export class EngineEventLog implements EngineEventHandler {
  private readonly log: Log;
  private readonly counters: { bulks: number };
  private readonly bulkFromKernel: Task;

  private readonly now: () => number;
  private nextRequestLineAt = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds of a clock that never goes back */
  constructor(log: Log, counters: { bulks: number }, bulkFromKernel: Task, now: () => number) {
    this.now = now;
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
        this.log.notice('resync requested');
        break;
      case 'bulk-update':
        this.counters.bulks++;
        this.log.notice('sending bulk update');
        break;
      case 'bulk-from-kernel':
        void this.bulkFromKernel.run();
        break;
      case 'peer-adopted':
        this.log.notice('peer restarted without HELLO; accepting its sequence numbers');
        break;
      case 'peer-restarted':
        this.log.notice('peer restarted');
        break;
      case 'peer-silent':
        this.log.warning('no message of a peer for 5 seconds');
        break;
      case 'peer-back':
        this.log.notice('a peer that was silent is heard again');
        break;
      case 'peer-refused':
        this.log.warning(
          'messages of a peer are ignored: their sequence numbers are behind those that came before',
        );
        break;
      case 'resync-complete':
        break;
    }
  }

  /** Anybody can ask, as often as they like. */
  private noteRequest(): void {
    const now = this.now();
    if (now < this.nextRequestLineAt) return;
    this.nextRequestLineAt = now + REQUEST_LINE_INTERVAL_MS;
    this.log.notice('resync requested by other node');
  }
}
