import { Request } from '../../src/control/codes.ts';
import { Log } from '../../src/daemon/process/log.ts';
import type { LogFields } from '../../src/daemon/process/log-entry.ts';
import { syncControl } from '../../src/daemon/sync/control.ts';
import { NodeCommands } from '../../src/daemon/sync/node-commands.ts';
import { SyncNode } from '../../src/daemon/sync/sync-node.ts';
import { MessageResult, Missing } from '../../src/sync/engine.ts';
import { wasAcknowledged } from '../../src/sync/ftfw/ack/ack-tracker.ts';
import { QueueItem } from '../../src/sync/message-queues.ts';
import { SlotState } from '../../src/table/record-table.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { sequenceOf } from '../../src/wire/header.ts';
import { BulkCheck } from './bulk-check.ts';
import type { Daemon, DaemonContext, Losses } from './daemon.ts';
import { DuplicateCheck } from './duplicate-check.ts';
import { checkQueues, checkSizes } from './engine-checks.ts';
import { LinkChoice } from './link-choice.ts';
import {
  addExpectation,
  addFlow,
  type Records,
  recordsOfKernel,
  recordsOfTable,
  type TableRecords,
} from './records.ts';
import { Violation } from './violation.ts';

/** Events that the node reads before others get their turn. */
const EVENT_ITERATION_LIMIT = 100;

/** Quick checks between two that walk through all records; each record adds one more. */
const CHECKS_BETWEEN_WALKS = 32;

class SimulatedLog extends Log {
  private readonly printLine: (line: string) => void;

  constructor(printLine: (line: string) => void) {
    super(undefined, undefined, undefined);
    this.printLine = printLine;
  }

  override info(text: string): void {
    this.printLine(text);
  }

  override notice(text: string): void {
    this.printLine(text);
  }

  override warning(text: string, fields?: LogFields): void {
    this.printLine(text);
    this.printSubject(fields);
  }

  override error(text: string, fields?: LogFields): void {
    this.printLine(`ERROR ${text}`);
    this.printSubject(fields);
  }

  private printSubject(fields: LogFields | undefined): void {
    if (fields?.subject !== undefined) this.printLine(`  ${fields.subject}`);
  }
}

interface CountingCache {
  readonly counters: { readonly createFailed: number };
}

/** Our daemon: the same objects that `conntrackd-ts` runs, in a simulated world. */
export class OurDaemon implements Daemon {
  readonly node: SyncNode;
  private readonly place: DaemonContext;
  private readonly commands: NodeCommands;
  private readonly control: ReturnType<typeof syncControl>;
  private readonly choice: LinkChoice;
  private readonly once = new DuplicateCheck();
  private readonly bulks = new BulkCheck();
  private doubtful = false;
  private incarnation = 0;
  private sender = 0;
  private quickChecks = 0;

  constructor(place: DaemonContext) {
    this.place = place;
    const { kernel, wires, process, options } = place;
    this.choice = new LinkChoice(wires.count);
    const { choice } = this;
    const links = {
      payloadLimit: wires.payloadLimit,
      congested: false,
      send: (bytes: Uint8Array, length: number) => wires.send(choice.current, bytes, length),
      flush: () => {},
      markCurrent: (wire: number) => choice.noteValidMessage(wire),
    };
    const node = new SyncNode(
      kernel,
      links,
      new SimulatedLog(place.log),
      {
        ...options,
        disableInternalCache: false,
        disableExternalCache: options.disableExternalCache ?? false,
        tcpWindowTracking: false,
        filter: undefined,
        pollSeconds: undefined,
        eventIterationLimit: EVENT_ITERATION_LIMIT,
        bufferSizeMaxGrowth: 0,
        hashSeed: 1,
      },
      process,
    );
    this.node = node;
    // 1: a quiet commit even of a small cache.
    this.commands = new NodeCommands(node, 1);
    this.control = syncControl(node, this.commands, {
      snapshot: () => {
        throw new Error('the statistics of a simulated node are read directly');
      },
      kill: () => {},
      expectationSync: options.expectationSync,
    });
    if (options.mode === 'ftfw') this.watchDelivery();
    this.watchDead();
    if (options.severalActive) this.watchStates();
  }

  start(): void {
    this.node.start(this.place.options.startupResync).catch(this.place.crashed);
  }

  receive(wire: number, sender: number, incarnation: number, datagram: Uint8Array): void {
    this.sender = sender;
    this.incarnation = incarnation;
    this.node.handleDatagram(wire, sender, datagram, 0, datagram.length);
  }

  drained(): void {
    this.node.handleDrained();
  }

  interfaceChanged(wire: number, up: boolean): void {
    this.choice.interfaceChanged(wire, up);
    this.node.scheduleTransmit();
  }

  async request(code: number): Promise<void> {
    const answer = { write: async () => {} };
    if (code === Request.SEND_BULK) this.bulks.noteCommand(this.place.process.now());
    await this.control(code, answer as unknown as Parameters<typeof this.control>[1]);
  }

  close(): void {
    this.commands.close();
    this.node.close();
  }

  internal(): TableRecords {
    const { flows, expectations } = this.node.replica.internal;
    return {
      flows: recordsOfTable(flows.table, addFlow),
      expectations: recordsOfTable(expectations.table, addExpectation),
    };
  }

  internalBefore(second: number): TableRecords {
    const { flows, expectations } = this.node.replica.internal;
    return {
      flows: recordsOfTable(flows.table, addFlow, second),
      expectations: recordsOfTable(expectations.table, addExpectation, second),
    };
  }

  external(): TableRecords {
    const { caches } = this.node.external;
    if (caches === undefined) return recordsOfKernel(this.place.kernel);
    const { flows, expectations } = caches;
    return {
      flows: recordsOfTable(flows.table, addFlow),
      expectations: recordsOfTable(expectations.table, addExpectation),
    };
  }

  get losses(): Losses {
    const { replica, external, engine } = this.node;
    const refusedBy = (caches: { readonly [Side in keyof TableRecords]: CountingCache } | undefined) =>
      caches ? caches.flows.counters.createFailed + caches.expectations.counters.createFailed : 0;
    return {
      evicted: engine.queues.evictions,
      refusedInternal: refusedBy(replica.internal),
      refusedExternal: refusedBy(external.caches),
      mayHaveForgotten: false,
      malformed: replica.counters.malformed,
    };
  }

  get comparisons(): { readonly equal: number; readonly different: number } {
    const { equal, different } = this.node.replica.comparisons;
    return { equal, different };
  }

  acknowledged(): Records {
    const cache = this.node.replica.internal.flows;
    const { table } = cache;
    const found: Records = new Map();
    for (let slot = 0; slot < table.slots; slot++) {
      const state = table.stateOf(slot);
      if (state === SlotState.FREE || state === SlotState.DEAD || cache.holderOf(slot) !== 0) continue;
      const start = table.offsetOf(slot);
      addFlow(found, table.bytesOf(slot), start, start + table.sizeOf(slot));
    }
    return found;
  }

  get unacknowledged(): number {
    const { queues } = this.node.engine;
    let unsettled = 0;
    for (let node = queues.firstResend(); node !== 0; node = queues.nextResend(node)) {
      if (queues.itemOf(node) !== QueueItem.CONTROL && !wasAcknowledged(queues.pendingAcksOf(node)))
        unsettled++;
    }
    return unsettled + queues.transmitLength;
  }

  get missing(): string | undefined {
    const { missing } = this.node.engine.status(this.place.process.now());
    return missing === Missing.NOTHING || missing === Missing.UNKNOWN ? undefined : missing;
  }

  checkQuickly(): void {
    checkSizes(this.node);
    // A node that takes its peer for an old one sends everything again at once.
    if (this.node.dialect.isRecognised) this.bulks.noteCommand(this.place.process.now());
    this.bulks.check(this.node.engine.bulks.last);
    const { table } = this.node.replica.internal.flows;
    if (++this.quickChecks < CHECKS_BETWEEN_WALKS + table.slots) return;
    this.quickChecks = 0;
    checkQueues(this.node);
  }

  checkThoroughly(): void {
    checkSizes(this.node);
    checkQueues(this.node);
  }

  get numbersDoubtful(): boolean {
    return this.doubtful;
  }

  set numbersDoubtful(doubtful: boolean) {
    this.doubtful = doubtful;
    this.once.forget();
  }

  /** Reports what the node drops because its peer does not speak of it. */
  private watchDead(): void {
    const { confirmed, external } = this.node;
    const { caches } = external;
    if (confirmed === undefined || caches === undefined) return;
    let dropped: TableRecords | undefined;
    for (const [part, add] of [
      ['flows', addFlow],
      ['expectations', addExpectation],
    ] as const) {
      const { table } = caches[part];
      const drop = caches[part].drop.bind(caches[part]);
      caches[part].drop = (slot) => {
        const start = table.offsetOf(slot);
        if (dropped) add(dropped[part], table.bytesOf(slot), start, start + table.sizeOf(slot));
        drop(slot);
      };
    }
    const dropDead = confirmed.dropDead.bind(confirmed);
    confirmed.dropDead = (log) => {
      dropped = { flows: new Map(), expectations: new Map() };
      dropDead(log);
      if (dropped.flows.size + dropped.expectations.size > 0) this.place.droppedDead(dropped);
      dropped = undefined;
    };
  }

  /** Checks that no request sets a flow's state back, unless the daemon has not read yet what packets did to it. */
  private watchStates(): void {
    const { kernel } = this.place;
    const injection = this.node.external.injection!;
    const { flows } = injection;
    /** By flow, the state that the requests give it that are not sent yet. */
    const underWay = new Map<string, number>();
    for (const name of ['replace', 'update'] as const) {
      const request = flows[name].bind(flows);
      flows[name] = (bytes, start, end, seconds) => {
        const { original, zone, tcp } = decodeFlow(bytes, start, end);
        const key = JSON.stringify([original, zone]);
        const known = underWay.get(key) ?? kernel.lookup(original, zone)?.tcp?.state ?? 0;
        const state = tcp?.state ?? known;
        if (name === 'update' && kernel.waiting === 0 && state < known)
          throw new Violation('a state goes back', `from ${known} to ${state}, ${JSON.stringify(original)}`);
        // May send what waits.
        request(bytes, start, end, seconds);
        underWay.set(key, state);
      };
    }
    const flush = injection.flush.bind(injection);
    injection.flush = () => {
      flush();
      underWay.clear();
    };
  }

  /** Checks that the engine accepts each message at most once, whatever the network does. */
  private watchDelivery(): void {
    const { engine } = this.node;
    const handle = engine.handleMessage.bind(engine);
    engine.handleMessage = (sender, bytes, at, now) => {
      const result = handle(sender, bytes, at, now);
      if (result === MessageResult.DATA && !this.numbersDoubtful)
        this.once.taken(this.sender, this.incarnation, sequenceOf(bytes, at));
      return result;
    };
  }
}
