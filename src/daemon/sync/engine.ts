import { Alarm } from '../../sync/alarm.ts';
import type { InternalCaches, SyncEngine } from '../../sync/engine.ts';
import { FtFw } from '../../sync/ftfw/ftfw.ts';
import { NoTrack } from '../../sync/notrack/notrack.ts';
import type { Runtime } from '../common/runtime.ts';

export interface EngineOptions {
  readonly mode: 'ftfw' | 'notrack' | 'alarm';
  readonly resendQueueSize: number;
  readonly ackWindowSize: number;
  /** RefreshTime: seconds between two refreshes of a record in ALARM mode. */
  readonly refreshTime: number;
  readonly disableInternalCache: boolean;
  readonly disableExternalCache: boolean;
  /** Several nodes forward at once, and share their kernels' flows; false unless given. FT-FW with DisableExternalCache. */
  readonly severalActive?: boolean;
  /** False: nothing is recognized by its layout, and nothing is read or copied by words. True unless given. */
  readonly fastPaths?: boolean;
}

/** Creates the state machine of the mode. */
export function createEngine(
  options: EngineOptions,
  caches: InternalCaches,
  { now, wallSeconds, random, initialSequence }: Runtime,
): SyncEngine {
  const { resendQueueSize, ackWindowSize, refreshTime, fastPaths = true } = options;
  switch (options.mode) {
    case 'ftfw':
      return new FtFw(
        caches,
        {
          resendQueueSize,
          ackWindowSize,
          initialSequence: initialSequence(),
          healsItself: !options.disableExternalCache || options.severalActive === true,
        },
        now(),
      );
    case 'notrack':
      return new NoTrack(
        caches,
        {
          initialSequence: wallSeconds(),
          bulkFromKernel: options.disableInternalCache,
          random,
          healsItself: !options.disableExternalCache,
          fastPaths,
        },
        now(),
      );
    case 'alarm':
      return new Alarm(
        caches,
        { initialSequence: wallSeconds(), refreshSeconds: refreshTime, random },
        now(),
      );
  }
}
