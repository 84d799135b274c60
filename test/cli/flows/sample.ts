import type { FlowContext } from '../../../src/cli/flows/filter/truth.ts';
import { listFlow } from '../../../src/flow/listed/from-flow.ts';
import { IdleClock } from '../../../src/flow/listed/idle.ts';
import { ListedFlow } from '../../../src/flow/listed/listed-flow.ts';
import { parseFlowLine } from '../../../src/flow/listed/parse-line.ts';

/** The kernel's defaults. */
const TIMEOUTS: Readonly<Record<string, number>> = {
  tcp_timeout_established: 432_000,
  tcp_timeout_syn_sent: 120,
  tcp_timeout_unacknowledged: 300,
  tcp_timeout_max_retrans: 300,
  udp_timeout: 30,
  udp_timeout_stream: 120,
  icmp_timeout: 30,
};

export const NOW = 2_000_000_000;

export const context: FlowContext = {
  idle: new IdleClock((name) => TIMEOUTS[name]),
  now: () => NOW,
};

/** The flow of a line of conntrack's, and what else is known of it. */
export function flow(line: string, beside: Partial<ListedFlow> = {}): ListedFlow {
  const listed = new ListedFlow();
  const parsed = parseFlowLine(line);
  if (parsed === undefined) throw new Error(`no flow: ${line}`);
  listFlow(parsed, listed);
  return Object.assign(listed, beside);
}

export const WEB =
  'tcp      6 431000 ESTABLISHED src=10.1.2.3 dst=203.0.113.10 sport=40000 dport=443 src=203.0.113.10 dst=198.51.100.1 sport=443 dport=5000 [ASSURED] mark=16 zone=3';
export const SYN =
  'tcp      6 100 SYN_SENT src=10.1.2.4 dst=203.0.113.10 sport=40001 dport=80 [UNREPLIED] src=203.0.113.10 dst=10.1.2.4 sport=80 dport=40001 mark=0';
export const DNS =
  'udp      17 20 src=fd00::1 dst=fd00::2 sport=5353 dport=53 src=fd00::2 dst=fd00::1 sport=53 dport=5353 mark=0';
export const PING =
  'icmp     1 29 src=10.1.2.3 dst=10.9.9.9 type=8 code=0 id=77 src=10.9.9.9 dst=10.1.2.3 type=0 code=0 id=77 mark=0';
export const TUNNEL =
  'gre      47 98 src=1.1.1.1 dst=2.2.2.2 srckey=0x50 dstkey=0xc [UNREPLIED] src=2.2.2.2 dst=1.1.1.1 srckey=0xc dstkey=0x50 mark=0';
