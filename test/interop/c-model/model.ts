import { C_DEFAULTS, type Cache, CNode, type CNodeOptions, Life } from '../../../sim/c-node/node.ts';
import { parseFlowTable } from '../../../sim/netns/table.ts';
import type { Change, Origin } from '../../../src/flow/change.ts';
import { withReply } from '../../../src/flow/reply.ts';
import { flowText, flowTextWithTimeout } from '../../../src/flow/text.ts';
import { MemoryKernel } from '../../../src/kernel/memory.ts';
import { decodeFlow } from '../../../src/wire/decode.ts';
import { messageLines } from './lines.ts';
import {
  type Course,
  describeStep,
  type KernelOperation,
  type Outcome,
  type Script,
  type Step,
} from './script.ts';

/** Plays a script to the model. */
class ModelRun {
  private readonly script: Script;
  private readonly course: Course;
  private readonly options: CNodeOptions;
  private readonly kernel: MemoryKernel;
  private readonly node: CNode;
  private readonly lines: string[] = [];

  constructor(script: Script, course: Course) {
    this.script = script;
    this.course = course;
    this.options = { ...C_DEFAULTS, ...script.options };
    this.kernel = new MemoryKernel({
      timeout: this.options.commitTimeout === undefined,
      windowScale: this.options.tcpWindowTracking,
    });
    this.kernel.advance(course.started);
    for (const flow of script.before ?? []) this.operate({ do: 'insert', flow });
    this.node = new CNode(this.kernel, this.options, course.wallSeconds, () => 0.5, course.started);
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
    for (let due = this.node.nextTimeout(); due <= now; due = this.node.nextTimeout()) {
      this.kernel.advance(due);
      this.node.handleTimeout(due);
      this.readEvents(due);
    }
    this.kernel.advance(now);
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
    this.lines.push('start');
    this.node.start(course.started);
    this.transmit(course.started);
    script.steps.forEach((step, n) => {
      const now = course.times[n]!;
      this.advance(now);
      this.lines.push(describeStep(step));
      this.carryOut(step, now);
      if (step.do === 'wait') return;
      this.readEvents(now);
    });
    this.advance(course.ended);
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

/** Has the model live through a script as a real node did. */
export function playModel(script: Script, course: Course): Outcome {
  return new ModelRun(script, course).play();
}
