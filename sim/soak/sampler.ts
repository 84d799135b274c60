import { readdirSync } from 'node:fs';
import { Request } from '../../src/control/codes.ts';
import { askNode } from '../netns/ask.ts';
import type { Lab, Side } from '../netns/lab.ts';

/** What a node was at one moment. Undefined where it did not answer. */
export interface Sample {
  /** Seconds since the soak began. */
  readonly seconds: number;
  readonly side: Side;
  /** Process id: another one after a restart. */
  readonly pid: number;
  readonly residentBytes: number;
  readonly descriptors: number;
  /** Flows in the caches. */
  readonly internal?: number;
  readonly external?: number;
  /** Milliseconds until the node answered: what its event loop was busy with before, and the answer itself. */
  readonly answerMs?: number;
}

/** A node that does not answer within so many milliseconds is sampled without an answer. */
const ANSWER_MS = 5_000;
const SIDES: readonly Side[] = ['a', 'b'];

function sizeIn(text: string, cache: string): number {
  return Number(new RegExp(`cache ${cache}:\\s+current active connections:\\s+(\\d+)`).exec(text)![1]);
}

async function sampleOf(lab: Lab, side: Side, seconds: number): Promise<Sample | undefined> {
  const node = lab[side].node();
  let seen: Omit<Sample, 'internal' | 'external' | 'answerMs'>;
  try {
    const descriptors = readdirSync(`/proc/${node.pid}/fd`).length;
    seen = { seconds, side, pid: node.pid, residentBytes: node.residentBytes(), descriptors };
  } catch {
    // It is not there: a fault ended it.
    return undefined;
  }
  if (seen.residentBytes === 0) return undefined;
  const begin = performance.now();
  try {
    const text = await askNode(node.paths.controlSocket, Request.STATISTICS, ANSWER_MS);
    const answerMs = performance.now() - begin;
    return { ...seen, internal: sizeIn(text, 'internal'), external: sizeIn(text, 'external'), answerMs };
  } catch {
    return seen;
  }
}

/** Samples both nodes at an interval. */
export class Sampler {
  readonly samples: Sample[] = [];
  private readonly lab: Lab;
  private readonly begin = performance.now();
  private readonly timer: NodeJS.Timeout;
  private isBusy = false;

  constructor(lab: Lab, intervalMs: number) {
    this.lab = lab;
    this.timer = setInterval(() => void this.sample(), intervalMs);
  }

  /** Seconds since the soak began. */
  seconds(): number {
    return (performance.now() - this.begin) / 1_000;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async sample(): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    const seconds = this.seconds();
    for (const sample of await Promise.all(SIDES.map((side) => sampleOf(this.lab, side, seconds)))) {
      if (sample !== undefined) this.samples.push(sample);
    }
    this.isBusy = false;
  }
}
