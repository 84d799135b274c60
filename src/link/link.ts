/** The vocabulary of dedicated links: what carries datagrams between the nodes of a cluster. */

import type { SenderId } from './address-table.ts';
import type { Refusals } from './intake/refusals.ts';

/** Traffic in one direction, counted as the C node does. */
export interface LinkTraffic {
  /** Payload bytes, without IP and UDP or TCP headers. */
  bytes: number;
  /** Datagrams; C prints them as `Pckts`. Over TCP datagrams sent, and reads. */
  datagrams: number;
  /** Failed system calls and connections, and datagrams refused because too many wait already. */
  errors: number;
}

/** The two connections of a TCP link: `server` is the one that the peer has opened, `client` our own. */
export interface Connected {
  readonly server: boolean;
  readonly client: boolean;
}

/** What became of datagrams that had to wait for a peer with the key. */
export interface SealStatistics {
  /** Peers that have proved that they are there; over TCP, connections to a peer. */
  readonly peers: number;
  /** Datagrams that waited for one in vain; over TCP the error queue counts them. */
  readonly undelivered: number;
}

/** One dedicated link. */
export interface Link {
  /** Its interface's name. */
  readonly interface: string;
  /** The interface's index when the link was opened. An interface that is removed and created again has another one. */
  readonly interfaceIndex: number;
  /** Bytes that a datagram must stay below: the interface's MTU less the headers. */
  readonly payloadLimit: number;
  readonly sent: LinkTraffic;
  /** What came from those who may send. */
  readonly received: LinkTraffic;
  readonly refusals: Refusals;
  /** Of a link with a key alone. */
  readonly seal?: SealStatistics | undefined;
  /** Of a TCP link alone. */
  readonly connected?: Connected;
  /** True while so much waits for a slow peer that it would be better to send less. */
  readonly congested?: boolean;
  /**
   * Sends `bytes[0, length)` to the other nodes, in the order of the calls, at the latest with the next {@link flush}. The
   * bytes may be overwritten when the call returns. A failure is counted, never thrown.
   */
  send(bytes: Uint8Array, length: number): void;
  /** Sends what was held back to be sent together with more. */
  flush?(): void;
  /** The link has become the current one: sends what another one could not. */
  sendWaiting?(): void;
  /** Gives up what still waits to be sent. */
  close(): Promise<void>;
}

/** Takes what arrives. */
export interface LinkSink {
  /**
   * A datagram `bytes[start, end)` came in on the link with this index. The bytes are valid during the call.
   * `sender` tells the nodes apart ({@link SenderId}).
   */
  datagram(link: number, sender: SenderId, bytes: Uint8Array, start: number, end: number): void;
  /** The datagrams that were waiting on this link, or as many as one turn takes, have been given. */
  drained(link: number): void;
  /** Something was refused on this link: see {@link Link.refusals}. Called once for all that one read brought. */
  refused?(link: number): void;
}

/** A link cannot be opened: one line that names the link's place in the configuration and what to do. */
export class LinkError extends Error {
  override readonly name = 'LinkError';
  /** Line of the link's keyword in the configuration file. */
  readonly line: number;

  constructor(reason: string, line: number) {
    super(`${reason} (conntrackd.conf: link in line ${line})`);
    this.line = line;
  }
}
