import type { EngineEvent } from '../../sync/engine.ts';
import type { Log } from '../process/log.ts';
import type { EngineEventHandler } from './transmitter.ts';

/** Starts a task if it is not under way. */
export interface Task {
  run(): Promise<void>;
}

/** Logs and counts what the engine reports, and starts the bulk that only the kernel's table can answer. */
export class EngineEventLog implements EngineEventHandler {
  private readonly log: Log;
  private readonly counters: { bulks: number };
  private readonly bulkFromKernel: Task;

  constructor(log: Log, counters: { bulks: number }, bulkFromKernel: Task) {
    this.log = log;
    this.counters = counters;
    this.bulkFromKernel = bulkFromKernel;
  }

  handle(event: EngineEvent): void {
    switch (event.kind) {
      case 'resync-requested-by-peer':
        this.log.notice('resync requested by other node');
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
      case 'resync-complete':
        break;
    }
  }
}
