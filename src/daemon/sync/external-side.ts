import { expectationTextWithTimeout, flowTextWithTimeout } from '../../flow/text.ts';
import {
  type Injection,
  type InjectionFailures,
  injectionFailureText,
} from '../../kernel/apply/injection.ts';
import type { ExternalSinks } from '../../sync/replica.ts';
import { ExpiringCache } from '../../table/expiring-cache.ts';
import { ExternalCache } from '../../table/external-cache.ts';
import { ExpectationKeyer, FlowKeyer } from '../../table/key.ts';
import { decodeExpectation, decodeFlow } from '../../wire/decode.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT } from '../../wire/record.ts';

/** Where the peer's records go, and what becomes of them. */
export interface ExternalSide {
  readonly sinks: ExternalSinks;
  /** What a commit puts into the kernel; undefined with DisableExternalCache. */
  readonly caches: ExternalCaches | undefined;
  /** With DisableExternalCache. */
  readonly injection: Injection | undefined;
  /** All that came in is dealt with. Returns what could not be put into the kernel. */
  settle(): readonly Refused[];
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

/** A record that our kernel did not take: for the log. */
export interface Refused {
  /** Why, in the C node's words. */
  readonly text: string;
  /** The flow or expectation as text. */
  readonly subject: string | undefined;
}

const SILENCE: readonly Refused[] = [];

/** External caches of FT-FW and NOTRACK: what is in them stays until the peer or a command ends it. */
export function lastingCaches(limit: number, seed: number, fastPaths: boolean): ExternalSide {
  const caches = {
    flows: new ExternalCache(FLOW_FORMAT, new FlowKeyer(seed), limit, fastPaths),
    expectations: new ExternalCache(EXPECTATION_FORMAT, new ExpectationKeyer(seed), limit, fastPaths),
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
export function expiringCaches(
  limit: number,
  seed: number,
  timeout: number,
  now: number,
  fastPaths: boolean,
): ExternalSide {
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
      return refusals(injection.takeFailures());
    },
    expire: () => {},
    flowExpiresIn: () => undefined,
    expectationExpiresIn: () => undefined,
  };
}

function refusals({ described, more }: InjectionFailures): readonly Refused[] {
  if (described.length === 0) return SILENCE;
  const refused: Refused[] = described.map((failure) => ({
    text: injectionFailureText(failure),
    subject:
      failure.item === 'flow'
        ? flowTextWithTimeout(decodeFlow(failure.record, 0, failure.record.length))
        : expectationTextWithTimeout(decodeExpectation(failure.record, 0, failure.record.length)),
  }));
  if (more > 0)
    refused.push({ text: `${more} more entries could not be put into the kernel`, subject: undefined });
  return refused;
}
