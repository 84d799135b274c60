import { type Injection, type InjectionFailures, injectionFailureText } from '../kernel/injection.ts';
import type { ExternalSinks } from '../sync/replica.ts';
import { ExpiringCache } from '../table/expiring-cache.ts';
import { ExternalCache } from '../table/external-cache.ts';
import { ExpectationKeyer, FlowKeyer } from '../table/key.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT } from '../wire/record.ts';

/** Where the peer's records go, and what becomes of them. */
export interface ExternalSide {
  readonly sinks: ExternalSinks;
  /** What a commit puts into the kernel; undefined with DisableExternalCache. */
  readonly caches: ExternalCaches | undefined;
  /** With DisableExternalCache. */
  readonly injection: Injection | undefined;
  /** All that came in is dealt with. Returns what the log should say. */
  settle(): readonly string[];
  /** The time is `seconds` of the caches' clock. */
  expire(seconds: number): void;
  /** Seconds until a flow's record lapses; undefined where none does. */
  flowExpiresIn(slot: number): number | undefined;
  expectationExpiresIn(slot: number): number | undefined;
}

export interface ExternalCaches {
  readonly flows: ExternalCache;
  readonly expectations: ExternalCache;
}

const SILENCE: readonly string[] = [];

/** External caches of FT-FW and NOTRACK: what is in them stays until the peer or a command ends it. */
export function lastingCaches(limit: number, seed: number): ExternalSide {
  const caches = {
    flows: new ExternalCache(FLOW_FORMAT, new FlowKeyer(seed), limit),
    expectations: new ExternalCache(EXPECTATION_FORMAT, new ExpectationKeyer(seed), limit),
  };
  return {
    sinks: caches,
    caches,
    injection: undefined,
    settle: () => SILENCE,
    expire: () => {},
    flowExpiresIn: () => undefined,
    expectationExpiresIn: () => undefined,
  };
}

/** External caches of ALARM: what is not refreshed lapses after `timeout` seconds (CacheTimeout). */
export function expiringCaches(limit: number, seed: number, timeout: number, now: number): ExternalSide {
  const caches = {
    flows: new ExpiringCache(FLOW_FORMAT, new FlowKeyer(seed), limit, timeout, now),
    expectations: new ExpiringCache(EXPECTATION_FORMAT, new ExpectationKeyer(seed), limit, timeout, now),
  };
  return {
    sinks: caches,
    caches,
    injection: undefined,
    settle: () => SILENCE,
    expire: (seconds) => {
      caches.flows.expire(seconds);
      caches.expectations.expire(seconds);
    },
    flowExpiresIn: (slot) => caches.flows.expiresIn(slot),
    expectationExpiresIn: (slot) => caches.expectations.expiresIn(slot),
  };
}

/** DisableExternalCache: straight into the kernel. */
export function directInjection(injection: Injection): ExternalSide {
  return {
    sinks: injection,
    caches: undefined,
    injection,
    settle: () => {
      injection.flush();
      return failureTexts(injection.takeFailures());
    },
    expire: () => {},
    flowExpiresIn: () => undefined,
    expectationExpiresIn: () => undefined,
  };
}

function failureTexts({ described, more }: InjectionFailures): readonly string[] {
  if (described.length === 0) return SILENCE;
  const texts = described.map(injectionFailureText);
  return more > 0 ? [...texts, `${more} more entries could not be put into the kernel`] : texts;
}
