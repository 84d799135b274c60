/**
 * `conntrackd-ts/simulator`: whole clusters in one process, on a seed, in virtual time. docs/simulator.md describes them,
 * docs/library.md says what is stable.
 */

export { describeFault, FAULT_REQUESTS, type Fault, type FaultRequest } from './faults.ts';
export type { NetworkConditions, NetworkFigures } from './network.ts';
export {
  type ClusterOptions,
  drawOptions,
  type Mode,
  type NodeOptions,
  type RunSettings,
} from './options.ts';
export { clusterText, traceEventText } from './report.ts';
export type { Program, Scenario } from './scenarios/scenario.ts';
export { SCENARIOS } from './scenarios.ts';
export { type Shrunk, shrink } from './shrink.ts';
export { type Outcome, type RunOptions, simulate } from './simulation.ts';
export type { TraceEvent, TraceSink } from './trace.ts';
export { Violation } from './violation.ts';
