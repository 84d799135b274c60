/** One line that says how far a run is: rewritten on a terminal, now and then a new one elsewhere. */
export class Progress {
  private readonly unit: string;
  private readonly began = performance.now();
  private readonly every = process.stderr.isTTY ? 500 : 10_000;
  private shownAt = performance.now();

  constructor(unit: string) {
    this.unit = unit;
  }

  /** Seconds since the run began. */
  get seconds(): number {
    return (performance.now() - this.began) / 1000;
  }

  text(done: number, findings: number): string {
    const rate = Math.round(done / Math.max(this.seconds, 0.001));
    const shown = (count: number) => count.toLocaleString('en-US');
    return `${this.seconds.toFixed(0)} s, ${shown(done)} ${this.unit}, ${shown(rate)} a second, ${findings} findings`;
  }

  update(done: number, findings: number): void {
    if (performance.now() - this.shownAt < this.every) return;
    this.shownAt = performance.now();
    const text = this.text(done, findings);
    process.stderr.write(process.stderr.isTTY ? `\r${text}\x1b[K` : `${text}\n`);
  }

  /** Ends the line, so that something else can be said. */
  pause(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
}
