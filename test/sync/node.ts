import { expect } from 'vitest';
import { alive, data } from '../../sim/fuzz/messages.ts';
import { FtFw } from '../../src/sync/ftfw/ftfw.ts';
import { externalCaches } from '../../src/table/caches.ts';
import type { ExternalCache } from '../../src/table/external-cache.ts';
import type { InternalCache } from '../../src/table/internal-cache.ts';
import { Flag, MessageType } from '../../src/wire/header.ts';
import { record } from '../table/records.ts';
import { ModeNode } from './mode-node.ts';

export interface NodeOptions {
  readonly resendQueueSize?: number;
  readonly ackWindowSize?: number;
  /** The first sequence number. */
  readonly first?: number;
  /** HashLimit of each cache. */
  readonly limit?: number;
  readonly now?: number;
  readonly healsItself?: boolean;
}

interface ExternalCaches {
  readonly flows: ExternalCache;
  readonly expectations: ExternalCache;
}

/** A node in FT-FW mode. */
export class Node extends ModeNode<FtFw, ExternalCaches> {
  constructor({
    resendQueueSize = 131_072,
    ackWindowSize = 300,
    first = 1000,
    limit = 1_000_000,
    now = 0,
    healsItself = false,
  }: NodeOptions = {}) {
    super(
      (caches, at) =>
        new FtFw(caches, { resendQueueSize, ackWindowSize, initialSequence: first, healsItself }, at),
      externalCaches(limit, 2),
      { limit, now },
    );
  }

  get flows(): InternalCache {
    return this.internal.flows;
  }

  get expectations(): InternalCache {
    return this.internal.expectations;
  }

  get externalFlows(): ExternalCache {
    return this.external.flows;
  }

  get externalExpectations(): ExternalCache {
    return this.external.expectations;
  }

  /** Messages in the resend queue that are records. */
  get recordsKept(): number {
    return this.engine.queues.resendLength - this.engine.queues.controlNodes;
  }
}

/** A node whose HELLO was answered, by sender 99, and whose next message has the number `first`. */
export function connectedNode(options: NodeOptions = {}): Node {
  const first = options.first ?? 1000;
  const node = new Node({ ...options, first: (first - 2) >>> 0 });
  node.advance(1000);
  node.transmit();
  node.receive(alive(0x8000_0000, Flag.HELLO_BACK), 99);
  node.advance(1000);
  expect(node.transmitBrief()).toEqual([`ACK ${0x8000_0000}-${0x8000_0000}`]);
  return node;
}

/** The node receives `count` data messages from this sender, numbered from `from` on. */
export function receiveMany(node: Node, sender: number, from: number, count: number): void {
  for (let n = 0; n < count; n++) node.receive(data(MessageType.CT_NEW, (from + n) >>> 0, record(1)), sender);
}
