import { ListedFlow } from '../../flow/listed/listed-flow.ts';

interface Ranked {
  readonly flow: ListedFlow;
  value: number;
  bytesPerSecond: number | undefined;
}

/** Keeps the `limit` flows with the greatest values, or with the smallest ones. */
export class TopFlows {
  private readonly limit: number;
  private readonly sign: 1 | -1;
  private rows: Ranked[] = [];
  private readonly spare: Ranked[] = [];
  /** Flows with less cannot be among them; in the order of `sign`. */
  private threshold = Number.NEGATIVE_INFINITY;

  constructor(limit: number, smallestFirst: boolean) {
    this.limit = limit;
    this.sign = smallestFirst ? -1 : 1;
  }

  /** @param value negative where it is not known: such flows come last */
  add(flow: ListedFlow, value: number, bytesPerSecond: number | undefined): void {
    const rank = value < 0 ? Number.NEGATIVE_INFINITY : this.sign * value;
    if (rank < this.threshold) return;
    const row = this.spare.pop() ?? { flow: new ListedFlow(), value: 0, bytesPerSecond: undefined };
    row.flow.copyFrom(flow);
    row.value = rank;
    row.bytesPerSecond = bytesPerSecond;
    this.rows.push(row);
    if (this.rows.length >= 2 * this.limit) this.cut();
  }

  private cut(): void {
    // Infinities of one sign differ by NaN, which a sort takes for an equal.
    this.rows.sort((one, other) => (one.value === other.value ? 0 : other.value - one.value));
    for (const row of this.rows.splice(this.limit)) this.spare.push(row);
    if (this.rows.length === this.limit) this.threshold = this.rows.at(-1)?.value ?? this.threshold;
  }

  /** In their order. */
  result(): readonly Readonly<Ranked>[] {
    this.cut();
    return this.rows;
  }
}
