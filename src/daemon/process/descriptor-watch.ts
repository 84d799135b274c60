import { closeSync, openSync } from 'node:fs';
import { everyAbout } from '../../system/process/chores.ts';
import type { WriteLine } from './log-entry.ts';

const CHECK_INTERVAL_MS = 2_000;

export interface DescriptorLog {
  readonly notice: WriteLine;
  readonly warning: WriteLine;
}

/**
 * Reports that this process can open no further file: libuv then closes clients as it accepts them, and tells nobody. What is
 * open goes on: replication, and commands through the FIFOs.
 */
export class DescriptorWatch {
  private readonly log: DescriptorLog;
  private readonly cancelChecks: () => void;
  private isOut = false;
  private times = 0;

  private readonly onOut: () => void;

  /** @param onOut called when it is found that none is left */
  constructor(log: DescriptorLog, onOut: () => void, intervalMs = CHECK_INTERVAL_MS) {
    this.log = log;
    this.onOut = onOut;
    this.cancelChecks = everyAbout(intervalMs, () => this.check());
  }

  /** How often it was found that none was left. */
  get timesOut(): number {
    return this.times;
  }

  close(): void {
    this.cancelChecks();
  }

  private check(): void {
    const trouble = openFailure();
    if ((trouble !== undefined) === this.isOut) return;
    this.isOut = trouble !== undefined;
    if (trouble === undefined) {
      this.log.notice('there are file descriptors again: clients of the control socket are answered', {
        event: 'descriptors_back',
      });
      return;
    }
    this.times++;
    this.log.warning(
      `no file descriptor is left (${trouble}): clients of the control socket are turned away, replication goes on; raise ` +
        (trouble === 'EMFILE' ? 'RLIMIT_NOFILE, LimitNOFILE= of a systemd unit' : 'fs.file-max'),
      { event: 'descriptors_exhausted', reason: trouble, times_total: this.times },
    );
    this.onOut();
  }
}

/** EMFILE or ENFILE, open(2), if no file can be opened for want of descriptors. */
function openFailure(): 'EMFILE' | 'ENFILE' | undefined {
  try {
    closeSync(openSync('/dev/null', 'r'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EMFILE' || code === 'ENFILE') return code;
  }
  return undefined;
}
