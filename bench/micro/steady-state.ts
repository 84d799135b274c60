/**
 * Prints as JSON how many bytes each event allocates on its whole path from a kernel message into the peer's cache, once
 * everything is compiled and every table and queue has its final size.
 */

import { Change } from '../../src/flow/change.ts';
import { allocationOf } from './allocation.ts';
import { Circuit } from './circuit.ts';
import type { SteadyState } from './steady-state-report.ts';

const FLOWS = 1_000;
const PASSES = 10;
const WARM_UP = 30;
const ATTEMPTS = 10;

const circuit = new Circuit();
for (let pass = 0; pass < WARM_UP; pass++) {
  for (const change of [Change.NEW, Change.UPDATE, Change.DESTROY]) circuit.events(change, 0, FLOWS);
}
circuit.events(Change.NEW, 0, FLOWS);

/** The minimum of a few attempts: the engine may recompile at any time, and that does not count. */
async function bytesAnEvent(changes: readonly Change[], beside: () => void = () => {}): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { bytes, collections } = await allocationOf(() => {
      for (let pass = 0; pass < PASSES; pass++) {
        for (const change of changes) circuit.events(change, 0, FLOWS);
      }
      beside();
    });
    // After a collection the growth means nothing.
    if (collections === 0) least = Math.min(least, bytes / (PASSES * changes.length * FLOWS));
  }
  return least;
}

/** Makes the last object visible outside, so that the compiler cannot remove its allocation. */
const seen: { last?: object } = {};
const report: SteadyState = {
  updates: await bytesAnEvent([Change.UPDATE]),
  renewals: await bytesAnEvent([Change.DESTROY, Change.NEW]),
  withAnObject: await bytesAnEvent([Change.UPDATE], () => {
    for (let n = 0; n < PASSES * FLOWS; n++) seen.last = { n };
  }),
  flows: circuit.backup.external.flows.counters.active,
  expected: FLOWS,
};
console.log(JSON.stringify(report));
