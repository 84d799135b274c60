import { IdleClock, type TimeoutSetting } from '../../flow/listed/idle.ts';
import { AddressAt, type ListedFlow } from '../../flow/listed/listed-flow.ts';
import { dccpStateName, sctpStateName, tcpStateName } from '../../flow/names.ts';
import { Protocol } from '../../flow/protocol.ts';
import { Status } from '../../flow/status.ts';
import { AddressGroups, Backends, NatPools, protocolText } from './nat-groups.ts';
import type { Backend, Counted, TableFact } from './table-fact.ts';

const TOP = 5;
const POOLS = 20;
const BACKENDS = 500;
const IDLE_S = 3600;
const DNS_PORT = 53;
const SYN_SENT = 1;
const ESTABLISHED = 3;
/** Kinds by protocol, state or none, and whether there was a reply. */
const STATES = 32;

const STATE_NAMES: ReadonlyMap<number, (state: number) => string> = new Map([
  [Protocol.TCP, tcpStateName],
  [Protocol.SCTP, sctpStateName],
  [Protocol.DCCP, dccpStateName],
]);

function kindText(kind: number): string {
  const protocol = Math.floor(kind / STATES);
  const state = (kind % STATES) >> 1;
  const name = protocolText(protocol);
  const stateName = STATE_NAMES.get(protocol);
  if (stateName !== undefined && state > 0) return `${name} ${stateName(state - 1)}`;
  return kind % 2 === 1 ? `${name} unreplied` : name;
}

/** Counts flows, one after the other, in memory of one size. */
export class TableCount {
  private readonly idle: IdleClock;
  private readonly streamTimeout: number;
  private readonly kinds = new Uint32Array(256 * STATES);
  private readonly sources = new AddressGroups(AddressAt.SOURCE);
  private readonly destinations = new AddressGroups(AddressAt.DESTINATION);
  private readonly pools = new NatPools();
  private readonly backends = new Backends();
  private flows = 0;
  private unreplied = 0;
  private evictable = 0;
  private offloaded = 0;
  private directionalZones = 0;
  private synSent = 0;
  private established = 0;
  private establishedOneSided = 0;
  private establishedTimed = 0;
  private establishedIdle = 0;
  private tcp = 0;
  private udp = 0;
  private udpUnreplied = 0;
  private dns = 0;
  private streams = 0;
  private streamsLate = 0;
  private sourceTranslated = 0;
  private destinationTranslated = 0;

  constructor(setting: TimeoutSetting) {
    this.idle = new IdleClock(setting);
    this.streamTimeout = setting('udp_timeout_stream') ?? 0;
  }

  add(flow: ListedFlow): void {
    const { status, protocol, state, original, reply } = flow;
    this.flows++;
    const isUnreplied = (status & Status.SEEN_REPLY) === 0;
    if (isUnreplied) this.unreplied++;
    if ((status & Status.ASSURED) === 0) this.evictable++;
    if ((status & (Status.OFFLOAD | Status.HW_OFFLOAD)) !== 0) this.offloaded++;
    if (original.zone >= 0 || reply.zone >= 0) this.directionalZones++;
    const stated = STATE_NAMES.has(protocol) && state >= 0 && state < STATES / 2 - 1 ? (state + 1) << 1 : 0;
    this.kinds[(protocol & 0xff) * STATES + (stated || Number(isUnreplied))]! += 1;
    this.sources.add(flow);
    this.destinations.add(flow);
    if (protocol === Protocol.TCP) this.addTcp(flow, isUnreplied);
    else if (protocol === Protocol.UDP) this.addUdp(flow, isUnreplied);
    if ((status & Status.SRC_NAT) !== 0 && flow.hasReply) {
      this.sourceTranslated++;
      if (reply.destinationPort >= 0) this.pools.add(flow);
    }
    if ((status & Status.DST_NAT) !== 0 && flow.hasReply) {
      this.destinationTranslated++;
      if (reply.sourcePort >= 0) this.backends.add(flow, isUnreplied);
    }
  }

  private addTcp(flow: ListedFlow, isUnreplied: boolean): void {
    this.tcp++;
    if (flow.state === SYN_SENT) this.synSent++;
    if (flow.state !== ESTABLISHED) return;
    this.established++;
    if (isUnreplied) this.establishedOneSided++;
    const idle = this.idle.secondsOf(flow);
    if (idle < 0) return;
    this.establishedTimed++;
    if (idle > IDLE_S) this.establishedIdle++;
  }

  private addUdp(flow: ListedFlow, isUnreplied: boolean): void {
    this.udp++;
    if (isUnreplied) this.udpUnreplied++;
    if (flow.original.destinationPort === DNS_PORT) this.dns++;
    if ((flow.status & Status.ASSURED) === 0) return;
    this.streams++;
    if (2 * this.idle.secondsOf(flow) > this.streamTimeout) this.streamsLate++;
  }

  /** Forgets what was counted. */
  clear(): void {
    const { sources, destinations, pools, backends } = this;
    this.kinds.fill(0);
    for (const groups of [sources, destinations, pools, backends]) groups.clear();
    this.flows = 0;
    this.unreplied = 0;
    this.evictable = 0;
    this.offloaded = 0;
    this.directionalZones = 0;
    this.synSent = 0;
    this.established = 0;
    this.establishedOneSided = 0;
    this.establishedTimed = 0;
    this.establishedIdle = 0;
    this.tcp = 0;
    this.udp = 0;
    this.udpUnreplied = 0;
    this.dns = 0;
    this.streams = 0;
    this.streamsLate = 0;
    this.sourceTranslated = 0;
    this.destinationTranslated = 0;
  }

  result(
    reading: Pick<TableFact, 'interrupted' | 'malformed' | 'takenMs'>,
    refreshedUnanswered: readonly Backend[],
  ): TableFact {
    return {
      flows: this.flows,
      ...reading,
      unreplied: this.unreplied,
      evictable: this.evictable,
      offloaded: this.offloaded,
      kinds: this.kindCounts(),
      sources: this.sources.top(TOP),
      destinations: this.destinations.top(TOP),
      directionalZones: this.directionalZones,
      tcp: {
        flows: this.tcp,
        synSent: this.synSent,
        established: this.established,
        establishedOneSided: this.establishedOneSided,
        establishedTimed: this.establishedTimed,
        establishedIdle: this.establishedIdle,
      },
      udp: {
        flows: this.udp,
        unreplied: this.udpUnreplied,
        dns: this.dns,
        streams: this.streams,
        streamsLate: this.streamsLate,
      },
      sourceTranslated: this.sourceTranslated,
      natPools: this.pools.top(POOLS),
      destinationTranslated: this.destinationTranslated,
      backends: this.backends.top(BACKENDS),
      refreshedUnanswered,
    };
  }

  private kindCounts(): Counted[] {
    const found: Counted[] = [];
    for (let kind = 0; kind < this.kinds.length; kind++) {
      if (this.kinds[kind]! > 0) found.push([kindText(kind), this.kinds[kind]!]);
    }
    return found.sort(([, one], [, other]) => other - one);
  }
}
