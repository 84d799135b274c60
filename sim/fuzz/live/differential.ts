import { shortest } from '../minimise.ts';
import type { Mode } from '../reference.ts';
import type { Difference } from './difference.ts';
import { DifferencePredictor } from './known.ts';
import { type Disagreement, disagreements, NACK, type Observation } from './observation.ts';
import { NodeTrouble, Station } from './station.ts';

/** In bytes: a node leaks if its memory grows beyond this although its caches are flushed after every round. */
const MEMORY_MAX = 600_000_000;
/** How often to repeat a round, with fresh nodes each time, to find the datagrams that matter. */
const TRIES = 60;

/** One node, or a C node and ours, that receive the same datagrams. */
export class Differential {
  readonly stations: readonly Station[];

  private readonly mode: Mode;

  private constructor(stations: readonly Station[], mode: Mode) {
    this.stations = stations;
    this.mode = mode;
  }

  static async open(target: 'c' | 'ts' | 'both', mode: Mode, port: number): Promise<Differential> {
    const kinds = target === 'both' ? (['c', 'ts'] as const) : ([target] as const);
    const opened: Station[] = [];
    try {
      for (const kind of kinds) opened.push(await Station.open(kind, mode, port));
      return new Differential(opened, mode);
    } catch (error) {
      await Promise.all(opened.map((station) => station.close()));
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.stations.map((station) => station.close()));
  }

  async restart(): Promise<void> {
    await Promise.all(this.stations.map((station) => station.restart()));
  }

  /** Sends a round to nodes whose caches are empty, then flushes the caches. */
  async round(datagrams: readonly Uint8Array[]): Promise<Disagreement[]> {
    const results = await Promise.allSettled(
      this.stations.map(async (station): Promise<Observation> => {
        await station.send(datagrams);
        const seen = await station.observe();
        await station.flush();
        return seen;
      }),
    );
    const troubles = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    if (troubles.length > 0) return troubles.map(troubleOf);
    const seen = results.map((result) => (result as PromiseFulfilledResult<Observation>).value);
    const found = await this.compare(seen);
    for (const { kind, memory } of this.stations) {
      if (memory > MEMORY_MAX) found.push({ kind: `memory of ${kind}`, detail: `${memory} bytes resident` });
    }
    return found;
  }

  private async compare(seen: readonly Observation[]): Promise<Disagreement[]> {
    const [c, ours] = seen;
    if (c === undefined || ours === undefined) return [];
    const found = disagreements(c, ours);
    if (!found.some(({ kind }) => kind === NACK)) return found;
    const [late, oursLate] = await Promise.all(this.stations.map((station) => station.lateNacks()));
    return disagreements(
      { ...c, nacks: [...new Set([...c.nacks, ...late!])] },
      { ...ours, nacks: [...new Set([...ours.nacks, ...oursLate!])] },
    );
  }

  /** Repeats the round with fresh nodes, and finds the fewest datagrams that show the same difference. Leaves fresh nodes. */
  async minimise(
    { kind, detail: first }: Disagreement,
    datagrams: readonly Uint8Array[],
  ): Promise<Difference> {
    let detail = `${first} (only behind what was sent before)`;
    let shown = false;
    const shows = async (some: readonly Uint8Array[]) => {
      // With fewer datagrams before it, a datagram may cause a known difference.
      if (this.withoutKnown(some).length < some.length) return false;
      await this.restart();
      const found = (await this.round(some)).find((one) => one.kind === kind);
      if (found === undefined) return false;
      detail = found.detail;
      shown = true;
      return true;
    };
    const unknown = this.withoutKnown(datagrams);
    const few = (await shows(unknown)) ? await shortest(unknown, shows, TRIES) : datagrams;
    const small = shown && few.length === 1 ? [await this.shorter(few[0]!, shows)] : few;
    await this.restart();
    return { kind, detail, datagrams: small };
  }

  /** The datagrams that two fresh nodes can receive without a known difference; all of them for a single node. */
  private withoutKnown(datagrams: readonly Uint8Array[]): readonly Uint8Array[] {
    if (this.stations.length < 2) return datagrams;
    const predictor = new DifferencePredictor(this.mode);
    return datagrams.filter((datagram) => predictor.accept(datagram) === undefined);
  }

  /** The one datagram, without the messages that do not matter. */
  private async shorter(
    datagram: Uint8Array,
    shows: (datagrams: readonly Uint8Array[]) => Promise<boolean>,
  ): Promise<Uint8Array> {
    const messages: Uint8Array[] = [];
    for (let at = 0; at < datagram.length; ) {
      const said = ((datagram[at + 2] ?? 0) << 8) | (datagram[at + 3] ?? 0);
      const size = said < 8 ? datagram.length - at : said;
      messages.push(datagram.subarray(at, at + size));
      at += size;
    }
    const joined = (parts: readonly Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));
    if (messages.length === 1) return datagram;
    return joined(await shortest(messages, async (parts) => parts.length > 0 && shows([joined(parts)]), 20));
  }
}

function troubleOf(error: unknown): Disagreement {
  if (error instanceof NodeTrouble) {
    return {
      kind: `${error.node} ${error.message.split(':')[0]!.replaceAll(/\d+/g, 'N')}`,
      detail: error.message,
    };
  }
  throw error;
}
