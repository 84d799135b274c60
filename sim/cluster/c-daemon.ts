import { C_DEFAULTS, type Cache, CNode, Life } from '../c-node/node.ts';
import type { Daemon, DaemonContext, Losses } from './daemon.ts';
import { LinkChoice } from './link-choice.ts';
import { addExpectation, addFlow, type Records, recordsOfKernel, type TableRecords } from './records.ts';

/** Netfilter's conntrackd, as its model behaves. */
export class CDaemon implements Daemon {
  numbersDoubtful = false;
  readonly node: CNode;
  private readonly context: DaemonContext;
  private readonly choice: LinkChoice;
  private turnPlanned = false;
  private cancelTimeout = () => {};
  private closeWatch = () => {};
  private evicted = 0;

  constructor(context: DaemonContext) {
    this.context = context;
    const { kernel, wires, process, options } = context;
    this.choice = new LinkChoice(wires.count);
    this.node = new CNode(
      kernel,
      {
        ...C_DEFAULTS,
        ...options,
        startupResync: options.startupResync && options.mode !== 'alarm',
        payloadLimit: wires.payloadLimit,
      },
      process.wallSeconds(),
      process.random,
      process.now(),
    );
  }

  start(): void {
    const { kernel, process } = this.context;
    this.node.start(process.now());
    const watch = kernel.watchEvents(() => {
      this.node.readEvents(process.now());
      this.planTurn();
    });
    this.closeWatch = () => watch.close();
    this.planTurn();
  }

  receive(wire: number, _sender: number, _incarnation: number, datagram: Uint8Array): void {
    const { malformed } = this.node.network;
    this.node.receive(datagram, 0, datagram.length, this.context.process.now());
    if (this.node.network.malformed === malformed) this.choice.noteValidMessage(wire);
  }

  drained(): void {
    this.planTurn();
  }

  interfaceChanged(wire: number, up: boolean): void {
    this.choice.interfaceChanged(wire, up);
  }

  async request(code: number): Promise<void> {
    this.node.command(code, this.context.process.now());
    this.planTurn();
  }

  close(): void {
    this.closeWatch();
    this.cancelTimeout();
  }

  internal(): TableRecords {
    return recordsOf(this.node.internal!);
  }

  internalBefore(second: number): TableRecords {
    const { process } = this.context;
    const wall = second + process.wallSeconds() - Math.floor(process.now() / 1000);
    return recordsOf(this.node.internal!, wall);
  }

  external(): TableRecords {
    const { external } = this.node;
    return external ? recordsOf(external) : recordsOfKernel(this.context.kernel);
  }

  get losses(): Losses {
    const { internal, external, network } = this.node;
    const refusedBy = (sides: typeof external) =>
      sides ? sides.flows.counters.refused + sides.expectations.counters.refused : 0;
    // When C has lost events it takes its kernel's flows in a zone for ended, and keeps expectations that ended.
    const mayHaveForgotten = this.node.kernelSide.overruns > 0;
    return {
      evicted: this.evicted,
      refusedInternal: refusedBy(internal),
      refusedExternal: refusedBy(external),
      mayHaveForgotten,
      malformed: network.malformed,
    };
  }

  acknowledged(): Records {
    // It does not track what its peer has.
    return new Map();
  }

  readonly comparisons = { equal: 0, different: 0 };

  readonly missing = undefined;

  get unacknowledged(): number {
    const kept = this.node.resendQueue().filter(({ flags }) => flags === undefined).length;
    return kept + this.node.transmitQueueLength;
  }

  /** The model represents what exists: it is compared with the C node, and not with what we expect of ours. */
  checkQuickly(): void {}

  checkThoroughly(): void {}

  private planTurn(): void {
    if (this.turnPlanned) return;
    this.turnPlanned = true;
    this.context.process.defer(() => this.turn());
  }

  private turn(): void {
    const { process, wires, options } = this.context;
    this.turnPlanned = false;
    const now = process.now();
    this.node.transmit((bytes, length) => wires.send(this.choice.current, bytes, length), now);
    if (options.mode === 'ftfw' && this.node.resendQueue().length >= options.resendQueueSize) this.evicted++;
    this.cancelTimeout();
    const due = this.node.nextTimeout();
    if (due === Number.POSITIVE_INFINITY) return;
    this.cancelTimeout = process.after(Math.max(0, due - now), () => {
      this.node.handleTimeout(process.now());
      this.planTurn();
    });
  }
}

/** @param second of the wall clock: records that are there since before it */
function recordsOf(
  { flows, expectations }: { flows: Cache; expectations: Cache },
  second = Number.POSITIVE_INFINITY,
): TableRecords {
  return { flows: live(flows, addFlow, second), expectations: live(expectations, addExpectation, second) };
}

function live(cache: Cache, add: typeof addFlow, second: number): Records {
  const records: Records = new Map();
  for (const { record, life, since } of cache) {
    if (life !== Life.DEAD && since < second) add(records, record, 0, record.length);
  }
  return records;
}
