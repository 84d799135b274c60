import { Alarm } from '../../sync/alarm.ts';
import type { InternalCaches, SyncEngine } from '../../sync/engine.ts';
import { FtFw } from '../../sync/ftfw.ts';
import { NoTrack } from '../../sync/notrack.ts';
import type { Runtime } from '../common/runtime.ts';

export interface EngineOptions {
  readonly mode: 'ftfw' | 'notrack' | 'alarm';
  readonly resendQueueSize: number;
  readonly ackWindowSize: number;
  /** Seconds. */
  readonly refreshTime: number;
  readonly disableInternalCache: boolean;
  /** False: nothing is recognized by its layout, and nothing is read or copied by words. True where it is left out. */
  readonly fastPaths?: boolean;
}

/** The state machine of the mode. */
export function createEngine(
  options: EngineOptions,
  caches: InternalCaches,
  { now, wallSeconds, random, initialSequence: firstNumber }: Runtime,
): SyncEngine {
  const clockSeconds = wallSeconds();
  const { resendQueueSize, ackWindowSize, refreshTime, fastPaths = true } = options;
  switch (options.mode) {
    case 'ftfw':
      return new FtFw(caches, { resendQueueSize, ackWindowSize, firstNumber: firstNumber() }, now());
    case 'notrack':
      return new NoTrack(
        caches,
        { clockSeconds, bulkFromKernel: options.disableInternalCache, fastPaths },
        now(),
      );
    case 'alarm':
      return new Alarm(caches, { clockSeconds, refreshTime, random }, now());
  }
}
