import { readFileSync } from 'node:fs';
import { Session as Inspector, type Profiler } from 'node:inspector/promises';
import { fileURLToPath } from 'node:url';

/** Which characters of the modules under `src` have been executed in this process, as V8 counts its blocks. */
export class Coverage {
  private readonly inspector = new Inspector();
  private readonly reached = new Map<string, Uint8Array>();
  private readonly folder: string;
  private painted: Uint8Array = new Uint8Array(0);
  /** What the last call of {@link gained} added. */
  private last: { readonly script: Uint8Array; readonly at: number }[] = [];

  /** @param folder part of the path of the modules that count */
  constructor(folder: string) {
    this.folder = folder;
  }

  async start(): Promise<void> {
    this.inspector.connect();
    await this.inspector.post('Profiler.enable');
    await this.inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  async stop(): Promise<void> {
    await this.inspector.post('Profiler.stopPreciseCoverage');
    this.inspector.disconnect();
  }

  /** Nothing counts as executed. Code that V8 has optimised is counted only as long as counting has never stopped. */
  reset(): void {
    this.reached.clear();
    this.last = [];
  }

  /** Characters that were executed since the last call for the first time. */
  async gained(): Promise<number> {
    const { result } = await this.inspector.post('Profiler.takePreciseCoverage');
    this.last = [];
    for (const script of result) {
      if (script.url.includes(this.folder) && script.url.startsWith('file:')) this.add(script);
    }
    return this.last.length;
  }

  /** What the last call added counts as not executed again. */
  forgetGained(): void {
    for (const { script, at } of this.last) script[at] = 0;
    this.last = [];
  }

  /** Characters executed in all. */
  get total(): number {
    let sum = 0;
    for (const script of this.reached.values()) for (const byte of script) sum += byte;
    return sum;
  }

  private add({ url, functions }: Profiler.ScriptCoverage): void {
    let reached = this.reached.get(url);
    if (reached === undefined) {
      reached = new Uint8Array(readFileSync(fileURLToPath(url), 'utf8').length);
      this.reached.set(url, reached);
    }
    if (this.painted.length < reached.length) this.painted = new Uint8Array(reached.length);
    const { painted } = this;
    for (const { ranges, isBlockCoverage, functionName } of functions) {
      // A module's own code runs once, when it is loaded.
      if (!isBlockCoverage || functionName === '') continue;
      const [whole] = ranges;
      if (whole === undefined || whole.count === 0) continue;
      for (const { startOffset, endOffset, count } of ranges)
        painted.fill(count > 0 ? 1 : 0, startOffset, endOffset);
      for (let at = whole.startOffset; at < whole.endOffset; at++) {
        if (painted[at] === 0 || reached[at] === 1) continue;
        reached[at] = 1;
        this.last.push({ script: reached, at });
      }
    }
  }
}
