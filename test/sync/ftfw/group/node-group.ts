import { Random } from '../../../../sim/random.ts';
import { LINKS_MAX, TransmitResult } from '../../../../src/sync/engine.ts';
import { isReport, type Report, readReport } from '../../../../src/sync/ftfw/group/report.ts';
import { messageOffsets } from '../../../support/datagrams.ts';
import { Node, type NodeOptions } from '../../node.ts';

/** A datagram takes so many milliseconds. */
const DELAY_MS = 1;

interface Flight {
  readonly at: number;
  readonly from: number;
  readonly to: number;
  readonly datagram: Uint8Array;
}

/** A report, and which node sent it when. */
export interface SentReport {
  readonly node: number;
  readonly at: number;
  readonly report: Report;
}

/** Nodes on a multicast group, in virtual time: what one sends, all others receive after a millisecond, unless it is lost. */
export class NodeGroup {
  readonly nodes: Node[];
  /** Datagrams and reports that were sent. */
  datagrams = 0;
  reports: SentReport[] = [];
  /** Whether a datagram is lost on its way. */
  loses: (from: number, to: number, datagram: Uint8Array) => boolean = () => false;
  private flights: Flight[] = [];

  constructor(
    size: number,
    options: (node: number) => NodeOptions = (node) => ({ first: 1_000_000 * node + 1 }),
  ) {
    this.nodes = Array.from({ length: size }, (_, node) => new Node({ healsItself: true, ...options(node) }));
  }

  /** Loses each datagram with this chance. */
  loseAtRandom(loss: number, seed: number): void {
    const random = Random.forPurpose(seed, 'node group');
    this.loses = () => random.chance(loss);
  }

  get now(): number {
    return this.nodes[0]!.now;
  }

  get inFlight(): number {
    return this.flights.length;
  }

  /** The number by which the others know a node. */
  static senderOf(node: number): number {
    return (node + 1) * LINKS_MAX;
  }

  run(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (;;) {
      for (const node of this.nodes.keys()) this.send(node);
      const due = Math.min(
        ...this.nodes.map(({ engine }) => engine.pollTimeout()),
        ...this.flights.map(({ at }) => at),
      );
      if (due > end) break;
      for (const node of this.nodes) node.advance(Math.max(0, due - node.now));
      const arrived = this.flights.filter(({ at }) => at <= due);
      this.flights = this.flights.filter(({ at }) => at > due);
      for (const { from, to, datagram } of arrived)
        this.nodes[to]!.receive(datagram, NodeGroup.senderOf(from));
    }
    for (const node of this.nodes) node.advance(end - node.now);
  }

  private send(from: number): void {
    const node = this.nodes[from]!;
    for (const datagram of node.emit()) {
      this.datagrams++;
      this.note(from, datagram);
      for (const to of this.nodes.keys()) {
        if (to !== from && !this.loses(from, to, datagram))
          this.flights.push({ at: this.now + DELAY_MS, from, to, datagram });
      }
    }
    if (node.transmission === TransmitResult.MORE) this.send(from);
  }

  private note(node: number, datagram: Uint8Array): void {
    for (const at of messageOffsets(datagram)) {
      const report = isReport(datagram, at) ? readReport(datagram, at) : undefined;
      if (report !== undefined) this.reports.push({ node, at: this.now, report });
    }
  }
}
