import { expectationTextWithTimeout, flowTextWithTimeout } from '../../flow/text.ts';
import { FALLBACK_TIMEOUT_S } from '../../kernel/apply/fallback-timeout.ts';
import { Injection } from '../../kernel/apply/injection.ts';
import { type InjectionFailures, injectionFailureText } from '../../kernel/apply/injection-failure.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { StandbySettings } from '../../settings/settings.ts';
import type { ExternalSinks } from '../../sync/replica.ts';
import { externalCaches } from '../../table/caches.ts';
import { ExpiringCache } from '../../table/expiring-cache.ts';
import type { ExternalCache } from '../../table/external-cache.ts';
import { ExpectationKeyer, FlowKeyer } from '../../table/key.ts';
import { secondsOf } from '../../table/seconds.ts';
import { decodeExpectation, decodeFlow } from '../../wire/decode.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT } from '../../wire/record.ts';

/** Where the peer's records go: into the external caches, or straight into our kernel. */
export interface ExternalRecords {
  readonly sinks: ExternalSinks;
  /** What a commit puts into the kernel; undefined with DisableExternalCache. */
  readonly caches: ExternalCaches | undefined;
  /** With DisableExternalCache. */
  readonly injection: Injection | undefined;
  /** Puts into the kernel what has arrived so far, with DisableExternalCache; returns what the kernel rejected. */
  applyPending(): readonly RejectedRecord[];
  /** Drops the records that were not refreshed in time; `seconds` is the time by the caches' clock. */
  expire(seconds: number): void;
  /** Seconds until a flow's record expires; undefined where none does. */
  flowExpiresIn(slot: number): number | undefined;
  expectationExpiresIn(slot: number): number | undefined;
}

export interface ExternalCaches {
  readonly flows: ExternalCache;
  readonly expectations: ExternalCache;
}

/** A record that our kernel rejected: for the log. */
export interface RejectedRecord {
  /** Why, in the C node's words. */
  readonly text: string;
  /** The flow or expectation as text. */
  readonly subject: string | undefined;
}

const NO_REJECTIONS: readonly RejectedRecord[] = [];

export interface ExternalRecordsOptions {
  readonly mode: 'ftfw' | 'notrack' | 'alarm';
  readonly disableExternalCache: boolean;
  readonly tcpWindowTracking: boolean;
  /** CacheTimeout: seconds that a record lives without a refresh in ALARM mode. */
  readonly cacheTimeout: number;
  /** HashLimit: records that a cache holds at most. */
  readonly hashLimit: number;
  /** Makes the caches' hashes differ from process to process. */
  readonly hashSeed: number;
  /** False: no record is recognized by its layout. True unless given. */
  readonly fastPaths?: boolean;
  /** With DisableExternalCache; undefined: as C. */
  readonly standby?: StandbySettings;
  /** See `EngineOptions`. */
  readonly severalActive?: boolean;
}

/**
 * Creates what the mode and DisableExternalCache ask for.
 * @param now milliseconds of the runtime's clock
 */
export function createExternalRecords(
  kernel: Kernel,
  options: ExternalRecordsOptions,
  now: number,
): ExternalRecords {
  const { hashLimit, hashSeed, fastPaths = true } = options;
  if (options.disableExternalCache) {
    const injection = new Injection(kernel, {
      liberal: !options.tcpWindowTracking,
      fallbackTimeout: FALLBACK_TIMEOUT_S,
      renewsTimeout: options.standby?.keep === true || options.severalActive === true,
      fastPaths,
    });
    return injectedRecords(injection);
  }
  if (options.mode === 'alarm') {
    return expiringRecords(hashLimit, hashSeed, options.cacheTimeout, secondsOf(now), fastPaths);
  }
  return lastingRecords(hashLimit, hashSeed, fastPaths);
}

/** External caches of FT-FW and NOTRACK: a record stays until the peer or a command removes it. */
function lastingRecords(limit: number, seed: number, fastPaths: boolean): ExternalRecords {
  const caches = externalCaches(limit, seed, fastPaths);
  return {
    sinks: caches,
    caches,
    injection: undefined,
    applyPending: () => NO_REJECTIONS,
    expire: () => {},
    flowExpiresIn: () => undefined,
    expectationExpiresIn: () => undefined,
  };
}

/**
 * External caches of ALARM: a record expires `timeout` seconds (CacheTimeout) after it was last refreshed.
 * @param now seconds of the caches' clock
 */
function expiringRecords(
  limit: number,
  seed: number,
  timeout: number,
  now: number,
  fastPaths: boolean,
): ExternalRecords {
  const caches = {
    flows: new ExpiringCache(FLOW_FORMAT, new FlowKeyer(seed), limit, timeout, now, fastPaths),
    expectations: new ExpiringCache(
      EXPECTATION_FORMAT,
      new ExpectationKeyer(seed),
      limit,
      timeout,
      now,
      fastPaths,
    ),
  };
  return {
    sinks: caches,
    caches,
    injection: undefined,
    applyPending: () => NO_REJECTIONS,
    expire: (seconds) => {
      caches.flows.expire(seconds);
      caches.expectations.expire(seconds);
    },
    flowExpiresIn: (slot) => caches.flows.expiresIn(slot),
    expectationExpiresIn: (slot) => caches.expectations.expiresIn(slot),
  };
}

/** DisableExternalCache: the peer's records are injected straight into the kernel. */
function injectedRecords(injection: Injection): ExternalRecords {
  return {
    sinks: injection,
    caches: undefined,
    injection,
    applyPending: () => {
      injection.flush();
      return rejectionsOf(injection.takeFailures());
    },
    expire: () => {},
    flowExpiresIn: () => undefined,
    expectationExpiresIn: () => undefined,
  };
}

function rejectionsOf({ described, more }: InjectionFailures): readonly RejectedRecord[] {
  if (described.length === 0) return NO_REJECTIONS;
  const rejected: RejectedRecord[] = described.map((failure) => ({
    text: injectionFailureText(failure),
    subject:
      failure.item === 'flow'
        ? flowTextWithTimeout(decodeFlow(failure.record, 0, failure.record.length))
        : expectationTextWithTimeout(decodeExpectation(failure.record, 0, failure.record.length)),
  }));
  if (more > 0)
    rejected.push({ text: `${more} more entries could not be put into the kernel`, subject: undefined });
  return rejected;
}
