import { readFileSync } from 'node:fs';
import { DEFAULT_TIMEOUTS, type ProtocolTimeouts } from '../../flow/offloaded.ts';

const DIRECTORY = '/proc/sys/net/netfilter';

/** The timeouts that this network namespace's kernel gives flows; the defaults where it does not report them. */
export function readProtocolTimeouts(): ProtocolTimeouts {
  return {
    tcpEstablished: read('nf_conntrack_tcp_timeout_established') ?? DEFAULT_TIMEOUTS.tcpEstablished,
    udpStream: read('nf_conntrack_udp_timeout_stream') ?? DEFAULT_TIMEOUTS.udpStream,
  };
}

/** A setting in seconds; undefined if it cannot be read. */
function read(name: string): number | undefined {
  try {
    const seconds = Number(readFileSync(`${DIRECTORY}/${name}`, 'latin1'));
    return Number.isInteger(seconds) && seconds > 0 ? seconds : undefined;
  } catch {
    return undefined;
  }
}
