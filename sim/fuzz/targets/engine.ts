import { Change, Origin } from '../../../src/flow/change.ts';
import { Item } from '../../../src/flow/item.ts';
import type { ReceiveCounters } from '../../../src/sync/replica.ts';
import type { Random } from '../../random.ts';
import { generatedDatagrams } from '../generated-datagrams.ts';
import { ack, nack } from '../messages.ts';
import { capturedDatagrams } from '../seeds.ts';
import { ensure, type Target } from '../target.ts';

import { checkCaches, checkCounters, checkQueues } from './engine-checks.ts';
import { EngineNode } from './engine-node.ts';
import { expectationRecord, FLOWS, flowRecord } from './engine-records.ts';
import { generateSteps, Step } from './engine-steps.ts';

/** The program's first bytes say which node it is: mode, resend queue, window, first number, limit. */
const PREFIX = 4;

/** A node of any mode, and everything that may happen to it in any order. */
export class EngineTarget implements Target {
  readonly name = 'engine';
  readonly grammar = 'pieces';
  readonly weight = 8;

  seeds(random: Random): readonly Uint8Array[] {
    const pool = [...capturedDatagrams(), ...generatedDatagrams(random, 60)];
    return Array.from({ length: 200 }, () => generateSteps(random, pool));
  }

  run(input: Uint8Array, length: number): number {
    if (length < PREFIX) return 0;
    const [fast, slow] = [true, false].map((fastPaths) => this.play(input, length, fastPaths));
    ensure(
      fast!.outcome === slow!.outcome,
      () => `with fast paths: ${fast!.outcome}; without: ${slow!.outcome}`,
    );
    return fast!.pieces;
  }

  /** Plays the program; `outcome` is what others see of it: what was sent, and what was counted. */
  private play(input: Uint8Array, length: number, fastPaths: boolean): { pieces: number; outcome: string } {
    const node = new EngineNode(input.subarray(0, PREFIX), fastPaths);
    let pieces = 0;
    for (let at = PREFIX; length - at >= 4 && pieces < 600; pieces++) {
      const size = Math.min((input[at + 2]! << 8) | input[at + 3]!, length - at - 4);
      const body = input.subarray(at + 4, at + 4 + size);
      const counted = { ...node.replica.counters };
      playStep(node, input[at]! % 6, input[at + 1]!, body, counted);
      checkQueues(node);
      at += 4 + size;
    }
    checkCaches(node);
    // What waits goes out in the end, whatever happened.
    for (let turns = 0; node.engine.queues.transmitLength > 0; turns++) {
      ensure(turns < 1000, () => `${node.engine.queues.transmitLength} messages are never sent`);
      node.advance(25);
      node.transmit(4096);
    }
    checkQueues(node);
    checkCaches(node);
    const counts = JSON.stringify([node.replica.counters, node.engine.counters]);
    return { pieces, outcome: `sent ${node.sentHash >>> 0}, counted ${counts}` };
  }
}

function playStep(
  node: EngineNode,
  kind: number,
  argument: number,
  body: Uint8Array,
  counted: ReceiveCounters,
): void {
  const { replica, engine } = node;
  switch (kind) {
    case Step.DATAGRAM: {
      node.badHeaders = 0;
      node.accepted.length = 0;
      const valid = replica.handleDatagram(argument % 70, body, 0, body.length, node.now);
      checkCounters(node, body, counted, valid);
      break;
    }
    case Step.EVENT: {
      const item = argument & 1 ? Item.EXPECTATION : Item.FLOW;
      const n = (body[0] ?? 0) % FLOWS;
      const record = (item === Item.FLOW ? flowRecord : expectationRecord)(n, body[1] ?? 0);
      const change = ([Change.NEW, Change.UPDATE, Change.DESTROY] as const)[(argument >> 1) % 3]!;
      const origin = ([Origin.OTHER, Origin.OTHER, Origin.COMMIT, Origin.INJECT] as const)[
        (argument >> 3) % 4
      ]!;
      replica.handleKernelChange(item, change, origin, record, record.length, node.now);
      break;
    }
    case Step.TIME:
      node.advance(argument * 50);
      break;
    case Step.TRANSMIT:
      node.transmit(1 + argument);
      break;
    case Step.ANSWER: {
      const last = node.upcoming - 1 - ((body[0] ?? 0) & 31);
      const first = last - ((body[1] ?? 0) & 63);
      const say = argument & 1 ? ack : nack;
      const sequence = (body[2] ?? 0) + 256 * (argument >> 1);
      const message = say(sequence, first >>> 0, last >>> 0, argument & 2 ? 32 : 0);
      replica.handleDatagram(0, message, 0, message.length, node.now);
      break;
    }
    case Step.COMMAND:
      command(node, argument);
  }
  for (const event of engine.pollEvents())
    ensure(typeof event.kind === 'string', () => 'an event without kind');
}

function command(node: EngineNode, argument: number): void {
  const { replica, engine } = node;
  const item = argument & 8 ? Item.EXPECTATION : Item.FLOW;
  const records = item === Item.FLOW ? replica.cached.flows : replica.cached.expectations;
  switch (argument & 7) {
    case 0:
      engine.sendBulk();
      break;
    case 1:
      engine.requestResync();
      break;
    case 2:
      records.flush();
      break;
    case 3:
      (item === Item.FLOW ? node.external.flows : node.external.expectations).flush();
      break;
    case 4: {
      const { table } = records.cache;
      if (table.slots > 0) records.handleGone((argument >> 4) % table.slots);
      break;
    }
    default: {
      const record = (item === Item.FLOW ? flowRecord : expectationRecord)((argument >> 4) % FLOWS, argument);
      records.cache.beginAudit();
      records.populate(record, record.length, node.now);
    }
  }
}
