import { FALSE_HELLO } from './scenarios/false-hello.ts';
import { FORGED_ACK } from './scenarios/forged-ack.ts';
import { HELLO_LOSS } from './scenarios/hello-loss.ts';
import { HOT_STANDBY } from './scenarios/hot-standby.ts';
import { LONG_OUTAGE } from './scenarios/long-outage.ts';
import { LOWER_NUMBER } from './scenarios/lower-number.ts';
import { NO_COMMON_LINK } from './scenarios/no-common-link.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { THREE_NODES } from './scenarios/three-nodes.ts';

/** Scenarios in which upstream's design fails. */
export const SCENARIOS: readonly Scenario[] = [
  THREE_NODES,
  FORGED_ACK,
  FALSE_HELLO,
  LOWER_NUMBER,
  HELLO_LOSS,
  HOT_STANDBY,
  LONG_OUTAGE,
  NO_COMMON_LINK,
];
