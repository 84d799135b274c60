import { isReport, readReport } from '../../src/sync/ftfw/group/report.ts';
import { Framing, frameAt } from '../../src/wire/datagram.ts';
import { lengthOf } from '../../src/wire/header.ts';
import { Violation } from './violation.ts';

/** Nodes that may ask for the same message at once, within {@link AT_ONCE_MS}: more show that they do not wait at random. */
const AT_ONCE_MAX = 6;
const AT_ONCE_MS = 1;
/** What was asked for so long ago, in ms, is forgotten. */
const MEMORY_MS = 5000;

interface Asked {
  readonly at: number;
  readonly nodes: Set<number>;
}

/** In a group, those who miss the same message do not ask for it at once. */
export class ReportCheck {
  private asked = new Map<string, Asked>();
  private forgottenAt = 0;

  /** A node sends a datagram. @throws Violation */
  noteSent(node: number, datagram: Uint8Array, now: number): void {
    if (now - this.forgottenAt > MEMORY_MS) {
      this.forgottenAt = now;
      this.asked = new Map([...this.asked].filter(([, { at }]) => now - at <= MEMORY_MS));
    }
    for (
      let at = 0;
      frameAt(datagram, at, datagram.length) === Framing.MESSAGE;
      at += lengthOf(datagram, at)
    ) {
      const report = isReport(datagram, at) ? readReport(datagram, at) : undefined;
      for (const { id, runs } of report?.receipts ?? [])
        for (const { to } of runs) this.noteAsked(`${id} ${to}`, node, now);
    }
  }

  private noteAsked(what: string, node: number, now: number): void {
    const known = this.asked.get(what);
    if (known === undefined) {
      this.asked.set(what, { at: now, nodes: new Set([node]) });
      return;
    }
    if (now - known.at > AT_ONCE_MS) return;
    known.nodes.add(node);
    if (known.nodes.size > AT_ONCE_MAX)
      throw new Violation('a group asks at once', `${known.nodes.size} nodes ask for ${what}`);
  }
}
