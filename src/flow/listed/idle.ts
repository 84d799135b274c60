import { DCCP_STATES, Protocol, SCTP_STATES, TCP_STATES } from '../protocol.ts';
import { Status } from '../status.ts';
import { type ListedFlow, UNKNOWN } from './listed-flow.ts';

/** Reads a timeout of the kernel in seconds by the end of its name, `nf_conntrack_` left out; undefined where there is none. */
export type TimeoutSetting = (name: string) => number | undefined;

/** Status of a flow whose timeout is not that of its state. */
const OTHER_TIMEOUT = Status.FIXED_TIMEOUT | Status.OFFLOAD | Status.HW_OFFLOAD;

/** States for which `nf_conntrack_..._timeout_STATE` has another name. */
const SAME_TIMEOUT: Readonly<Record<string, string>> = {
  syn_sent2: 'syn_sent',
  heartbeat_acked: 'established',
};

function stateSetting(protocol: string, states: readonly string[], state: number): string {
  const name = (states[state] ?? '').toLowerCase();
  return `${protocol}_timeout_${SAME_TIMEOUT[name] ?? name}`;
}

/** The name of the timeout that the kernel gives a flow with its next packet (`nf_conntrack_proto_*.c`). */
function settingOf({ protocol, state, status }: ListedFlow): string | undefined {
  const isAssured = (status & Status.ASSURED) !== 0;
  switch (protocol) {
    case Protocol.TCP:
      return state < 0 ? undefined : stateSetting('tcp', TCP_STATES, state);
    case Protocol.SCTP:
      return state < 0 ? undefined : stateSetting('sctp', SCTP_STATES, state);
    case Protocol.DCCP:
      return state < 0 ? undefined : stateSetting('dccp', DCCP_STATES, state);
    case Protocol.UDP:
    case Protocol.UDPLITE:
      // An answered flow becomes a stream, and assured, with the first packet after two seconds.
      return isAssured ? 'udp_timeout_stream' : 'udp_timeout';
    case Protocol.GRE:
      return (status & Status.SEEN_REPLY) !== 0 ? 'gre_timeout_stream' : 'gre_timeout';
    case Protocol.ICMP:
      return 'icmp_timeout';
    case Protocol.ICMPV6:
      return 'icmpv6_timeout';
    default:
      return 'generic_timeout';
  }
}

/**
 * How long flows have had no packet: each packet starts the timeout of a flow's state anew, so it is that timeout less what is
 * left. Settings are read once.
 */
export class IdleClock {
  private readonly setting: TimeoutSetting;
  private readonly values = new Map<string, number>();
  private readonly names = new Map<number, string | undefined>();

  constructor(setting: TimeoutSetting) {
    this.setting = setting;
  }

  /**
   * Seconds without a packet; {@link UNKNOWN} where the timeout cannot be the state's: somebody set it, a flow table forwards
   * the flow, or it is a TCP flow with so little left that it may just be waiting for an acknowledgement.
   */
  secondsOf(flow: ListedFlow): number {
    const { timeout, status, protocol } = flow;
    if (timeout < 0 || (status >= 0 && (status & OTHER_TIMEOUT) !== 0)) return UNKNOWN;
    const name = this.nameOf(flow);
    const full = name === undefined ? UNKNOWN : this.value(name);
    if (full < timeout) return UNKNOWN;
    // Data that waits for its acknowledgement, and retransmissions, shorten a longer timeout.
    if (protocol === Protocol.TCP) {
      const shortened = Math.max(
        this.value('tcp_timeout_unacknowledged'),
        this.value('tcp_timeout_max_retrans'),
      );
      if (full > shortened && timeout <= shortened) return UNKNOWN;
    }
    return full - timeout;
  }

  private nameOf(flow: ListedFlow): string | undefined {
    const { protocol, state, status } = flow;
    const kind =
      (protocol << 8) | ((state + 1) << 2) | (status < 0 ? 0 : (status & (Status.ASSURED | 2)) >> 1);
    if (!this.names.has(kind)) this.names.set(kind, settingOf(flow));
    return this.names.get(kind);
  }

  private value(name: string): number {
    let value = this.values.get(name);
    if (value === undefined) {
      value = this.setting(name) ?? UNKNOWN;
      this.values.set(name, value);
    }
    return value;
  }
}
