import { C_DEFAULTS, type Cache, CNode, type CNodeOptions, Life } from '../../../sim/c-node/node.ts';
import { parseFlowTable } from '../../../sim/netns/table.ts';
import type { Change, Origin } from '../../../src/flow/change.ts';
import { withReply } from '../../../src/flow/reply.ts';
import { flowText, flowTextWithTimeout } from '../../../src/flow/text.ts';
import { MemoryKernel } from '../../../src/kernel/memory/memory-kernel.ts';
import { decodeFlow } from '../../../src/wire/decode.ts';
import { messageLines } from './lines.ts';
import type { Course, KernelOperation, Outcome, Script, Step } from './script.ts';

/** A node speaks at least once in so many milliseconds. */
const SILENCE = 1000;
/** A timer may seem that early, since not all clocks are read at the same moment. */
const NEARLY = 900;

/**
 * Plays a script to the model. Steps take no time there, and waiting takes as long as the script says; a real machine
 * takes its time, and a timer may ring before any step. Where it did, `rings` says so.
 *
 * In ALARM mode timers ring long after what set them, so there the model's clock shows the real time.
 */
class ModelRun {
  private readonly script: Script;
  private readonly course: Course;
  private readonly rings: readonly number[];
  private readonly options: CNodeOptions;
  private readonly kernel: MemoryKernel;
  private readonly node: CNode;
  private readonly lines: string[] = [];
  private now = 0;

  /** @param rings the steps before which the next timer rings, in any order, one as often as it does */
  constructor(script: Script, course: Course, rings: readonly number[]) {
    this.script = script;
    this.course = course;
    this.rings = rings;
    this.options = { ...C_DEFAULTS, ...script.options };
    this.kernel = new MemoryKernel({
      timeout: this.options.commitTimeout === undefined,
      windowScale: this.options.tcpWindowTracking,
    });
    for (const flow of script.before ?? []) this.operate({ do: 'insert', flow });
    // The first number is the clock when the first message is sent.
    const clock = course.base + 0.1 - this.firstMessage / 1000;
    this.node = new CNode(this.kernel, this.options, clock, () => 0.5, 0);
  }

  private get realTime(): boolean {
    return this.options.mode === 'alarm';
  }

  /** Milliseconds after the start. */
  private get firstMessage(): number {
    const { receivedIn, started, times } = this.course;
    if (this.realTime) return receivedIn.length === 0 ? 0 : times[receivedIn[0]!]! - started;
    return this.options.startupResync ? 0 : SILENCE;
  }

  private operate(operation: KernelOperation): void {
    const { flow } = operation.flow;
    switch (operation.do) {
      case 'insert':
        this.kernel.originate(flow, flow.timeout!);
        break;
      case 'mark':
        // `conntrack` asks for nothing where nothing changes.
        if (this.kernel.lookup(flow.original, flow.zone)?.mark === operation.mark) break;
        this.kernel.setState(flow.original, { mark: operation.mark }, flow.zone);
        break;
      case 'delete':
        this.kernel.expire(flow.original, flow.zone);
        break;
    }
  }

  private transmit(now: number): void {
    this.node.transmit((bytes, length) => {
      this.lines.push(...messageLines(bytes.slice(0, length), this.course.base));
    }, now);
  }

  private readEvents(now: number): void {
    for (let more = true; more; ) {
      more = this.node.readEvents(now);
      this.transmit(now);
    }
  }

  /** Lets the time go on until `now`, timer by timer. */
  private advance(now: number): void {
    for (let due = this.node.nextTimeout(); due <= now; due = this.node.nextTimeout()) this.ring(due);
    this.now = Math.max(this.now, now);
    this.kernel.advance(this.now);
  }

  private ring(due: number): void {
    this.now = Math.max(this.now, due);
    this.kernel.advance(this.now);
    this.node.handleTimeout(this.now);
    this.readEvents(this.now);
  }

  private ringBefore(step: number): void {
    for (const ring of this.rings) if (ring === step) this.ring(this.node.nextTimeout());
  }

  /** What is in the step by itself, without the turn of the node that follows. */
  private carryOut(step: Step, now: number): void {
    switch (step.do) {
      case 'send': {
        const bytes = step.datagram(this.course.base);
        this.node.receive(bytes, 0, bytes.length, now);
        break;
      }
      case 'kernel':
        this.operate(step.operation);
        break;
      case 'at once':
        for (const inner of step.steps) this.carryOut(inner, now);
        break;
      case 'command':
        this.node.command(step.request, now);
        break;
      case 'wait':
        break;
    }
  }

  play(): Outcome {
    const { course, script } = this;
    this.node.start(0);
    this.transmit(0);
    if (!this.realTime) this.advance(this.firstMessage);
    script.steps.forEach((step, n) => {
      if (this.realTime) this.advance(course.times[n]! - course.started);
      this.ringBefore(n);
      this.carryOut(step, this.now);
      if (step.do !== 'wait') this.readEvents(this.now);
      else if (!this.realTime) this.advance(this.now + step.milliseconds);
    });
    if (this.realTime) this.advance(course.ended - course.started);
    this.ringBefore(script.steps.length);
    return {
      sent: this.lines,
      internal: this.options.disableInternalCache ? [] : this.cache(this.node.internal!.flows, true),
      external: this.options.disableExternalCache ? [] : this.cache(this.node.external!.flows, false),
      statistics: this.statistics(),
      resendQueue: this.resendQueue(),
      ...this.table(),
    };
  }

  private cache(cache: Cache, withAnswers: boolean): string[] {
    return cache
      .inOrder()
      .filter(({ life }) => this.options.mode !== 'ftfw' || life !== Life.DEAD)
      .map(({ record }) => {
        const flow = decodeFlow(record, 0, record.length);
        return flowText(withAnswers ? withReply(flow) : flow);
      });
  }

  private statistics(): string[] {
    const { node } = this;
    const lines: string[] = [];
    const { bypassed, injected, network } = node;
    if (node.internal !== undefined) lines.push(...cacheLines('internal', node.internal.flows));
    if (bypassed !== undefined) {
      const [fresh, updated, destroyed] = bypassed.flows;
      lines.push(
        'internal bypass:',
        `connections new: ${fresh}`,
        `connections updated: ${updated}`,
        `connections destroyed: ${destroyed}`,
      );
    }
    if (node.external !== undefined) lines.push(...cacheLines('external', node.external.flows));
    if (injected !== undefined) {
      const { flows } = injected;
      lines.push(
        'external inject:',
        `connections created: ${flows.created} failed: ${flows.createFailed}`,
        `connections updated: ${flows.updated} failed: ${flows.updateFailed}`,
        `connections destroyed: ${flows.destroyed} failed: ${flows.destroyFailed}`,
      );
    }
    lines.push(
      'network statistics:',
      'recv:',
      `Malformed messages: ${network.malformed}`,
      `Wrong protocol version: ${network.badVersion}`,
      `Malformed header: ${network.badHeader}`,
      `Malformed payload: ${network.badPayload}`,
      `Bad message type: ${network.badType}`,
      `Truncated message: ${network.truncated}`,
      `Bad message size: ${network.badSize}`,
      'send:',
      'Malformed messages: 0',
      'sequence tracking statistics:',
      'recv:',
      `Packets lost: ${network.lost}`,
      `Packets before: ${network.behind}`,
    );
    return lines;
  }

  private resendQueue(): string[] {
    if (this.options.mode !== 'ftfw') return [];
    const queue = this.node.resendQueue();
    return [
      `resent queue (len=${queue.length})`,
      ...queue.map(({ sequence, flags }) =>
        flags === undefined ? `object -> seq:${sequence}` : `control -> seq:${sequence} flags:${flags}`,
      ),
    ];
  }

  private table(): Pick<Outcome, 'kernel' | 'timeouts'> {
    const lines: string[] = [];
    const dump = this.kernel.dumpFlows();
    const sink = {
      flow: (_change: Change, _origin: Origin, bytes: Uint8Array, length: number) => {
        const { original, zone, timeout } = decodeFlow(bytes, 0, length);
        const flow = this.kernel.lookup(original, zone)!;
        lines.push(flowTextWithTimeout(timeout === undefined ? flow : { ...flow, timeout }));
      },
      expectation: () => {},
      traffic: () => {},
    };
    while (!dump.step(sink));
    const table = parseFlowTable(lines.join('\n'));
    return {
      kernel: table.map(({ text }) => text),
      timeouts: table.flatMap(({ timeout }) => (timeout === undefined ? [] : [timeout])),
    };
  }
}

function cacheLines(name: string, { size, counters }: Cache): string[] {
  return [
    `cache:${name} active objects: ${size}`,
    `active/total entries: ${counters.active}/ ${size}`,
    `creation OK/failed: ${counters.created}/ ${counters.refused}`,
    'no memory available: 0',
    `no space left in cache: ${counters.refused}`,
    `update OK/failed: ${counters.updated}/ 0`,
    'entry not found: 0',
    `deletion created/failed: ${counters.destroyed}/ 0`,
    'entry not found: 0',
  ];
}

/** Tries at finding out between which steps the real node's timers rang. */
const TRIES = 500;

/** Has the model live through a script as a real node did: its timers ring where they did there, if that is possible. */
export function playModel(script: Script, course: Course, real: Outcome): Outcome {
  let tries = 0;
  const search = (rings: readonly number[]): { outcome: Outcome; agreed: number } => {
    tries++;
    const outcome = new ModelRun(script, course, rings).play();
    let best = { outcome, agreed: agreement(outcome.sent, real.sent) };
    const { agreed } = best;
    // The real node said something else next, or more: it may have been a timer, before the step or after it.
    if (agreed === real.sent.length || script.options?.mode === 'alarm') return best;
    // A timer rings only after a silence, unless what was sent before waited for it.
    if (course.silentFor[agreed]! < NEARLY && !script.options?.disableInternalCache) return best;
    const step = course.receivedIn[agreed]!;
    for (const ring of [step, step + 1, step - 1]) {
      if (ring < 0 || ring > script.steps.length || tries >= TRIES) continue;
      const attempt = new ModelRun(script, course, [...rings, ring]).play();
      if (agreement(attempt.sent, real.sent) <= agreed) continue;
      const found = search([...rings, ring]);
      if (found.agreed > best.agreed) best = found;
      if (found.agreed === real.sent.length) break;
    }
    return best;
  };
  return search([]).outcome;
}

/** How many messages are the same from the beginning. */
function agreement(sent: readonly string[], other: readonly string[]): number {
  const differs = sent.findIndex((line, n) => line !== other[n]);
  return differs < 0 ? sent.length : differs;
}
