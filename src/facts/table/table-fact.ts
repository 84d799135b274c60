/** What is in the kernel's table, counted over all of it. Counts come with the greatest first. */

export type Counted = readonly [name: string, count: number];

/** Flows of one translated address to one destination: each needs a port of its own. */
export interface NatPool {
  /** `tcp`, `udp`, ... */
  readonly protocol: string;
  /** The address that sources are translated to. */
  readonly address: string;
  readonly destination: string;
  readonly port: number;
  readonly flows: number;
}

/** Flows to one address and port that are translated to one backend. */
export interface Backend {
  readonly protocol: string;
  readonly service: string;
  readonly servicePort: number;
  readonly backend: string;
  readonly backendPort: number;
  readonly flows: number;
  readonly unreplied: number;
}

export interface TcpFact {
  readonly flows: number;
  readonly synSent: number;
  readonly established: number;
  /** Of the established: those whose packets come in one direction alone. */
  readonly establishedOneSided: number;
  /** Of the established: those whose idle time is known. */
  readonly establishedTimed: number;
  /** Of these: those without a packet for an hour. */
  readonly establishedIdle: number;
}

export interface UdpFact {
  readonly flows: number;
  readonly unreplied: number;
  /** Flows to port 53. */
  readonly dns: number;
  /** Assured flows: both sides spoke again after two seconds. */
  readonly streams: number;
  /** Of the streams: those that were silent for more than half of their timeout. */
  readonly streamsLate: number;
}

export interface TableFact {
  readonly flows: number;
  /** True if the kernel resized the table whenever it was read: flows may be missing, or there twice. */
  readonly interrupted: boolean;
  /** Messages of the kernel that could not be read. */
  readonly malformed: number;
  readonly takenMs: number;
  readonly unreplied: number;
  /** Flows that the kernel may drop for new ones when the table is full: those that are not assured. */
  readonly evictable: number;
  /** Flows that a flow table forwards. */
  readonly offloaded: number;
  /** By protocol and state: `tcp ESTABLISHED`, `udp unreplied`, ... */
  readonly kinds: readonly Counted[];
  readonly sources: readonly Counted[];
  readonly destinations: readonly Counted[];
  /** Flows with a zone in one direction alone: they are not replicated. */
  readonly directionalZones: number;
  readonly tcp: TcpFact;
  readonly udp: UdpFact;
  readonly sourceTranslated: number;
  readonly natPools: readonly NatPool[];
  readonly destinationTranslated: number;
  readonly backends: readonly Backend[];
  /** Backends by flows that were refreshed and never answered between two readings; empty after one reading. */
  readonly refreshedUnanswered: readonly Backend[];
}
