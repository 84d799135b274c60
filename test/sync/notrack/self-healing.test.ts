import { describe, expect, it } from 'vitest';
import { rangeMessage } from '../../../sim/faults/stage/messages.ts';
import { alive, data, resync } from '../../../sim/fuzz/messages.ts';
import { Log } from '../../../src/daemon/process/log.ts';
import { ConfirmedSinks } from '../../../src/daemon/sync/reconcile/confirmed-sinks.ts';
import { LINKS_MAX } from '../../../src/sync/engine.ts';
import { NoTrack } from '../../../src/sync/notrack/notrack.ts';
import { Replica } from '../../../src/sync/replica.ts';
import { ExternalCache } from '../../../src/table/external-cache.ts';
import { InternalCache } from '../../../src/table/internal-cache.ts';
import { ExpectationKeyer, FlowKeyer } from '../../../src/table/key.ts';
import { Collector } from '../../../src/wire/collector.ts';
import { Flag, flagsOf, MessageType, rangeFromOf, rangeToOf } from '../../../src/wire/header.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT } from '../../../src/wire/record.ts';
import { splitDatagram } from '../../support/datagrams.ts';
import { record } from '../../table/records.ts';

const { CT_UPD } = MessageType;
/** The end of an answer of ours. */
const answered = (sequence: number, request: number): Uint8Array =>
  rangeMessage(Flag.ALIVE | Flag.ANSWERED, sequence, request, request);

/** A node of ours in NOTRACK; the test plays its peer. */
class HealingNode {
  now = 0;
  readonly engine: NoTrack;
  private readonly external = new ExternalCache(FLOW_FORMAT, new FlowKeyer(1), 1000);
  private readonly sinks: ConfirmedSinks;
  private readonly replica: Replica;
  private datagrams: Uint8Array[] = [];
  private readonly collector = new Collector(1472, (bytes, length) => {
    this.datagrams.push(bytes.slice(0, length));
  });
  private requests = 0;
  private answers = 0;

  constructor() {
    const internal = {
      flows: new InternalCache(FLOW_FORMAT, new FlowKeyer(2), 1000),
      expectations: new InternalCache(EXPECTATION_FORMAT, new ExpectationKeyer(2), 1000),
    };
    const random = (): number => ++this.requests / 1000;
    this.engine = new NoTrack(
      internal,
      { initialSequence: 1, bulkFromKernel: false, random, healsItself: true },
      0,
    );
    const expectations = new ExternalCache(EXPECTATION_FORMAT, new ExpectationKeyer(1), 1000);
    this.sinks = new ConfirmedSinks({ flows: this.external, expectations }, this.engine.rounds);
    this.replica = new Replica(internal, this.sinks, this.engine);
  }

  receive(...messages: Uint8Array[]): this {
    return this.receiveFrom(1, ...messages);
  }

  receiveFrom(sender: number, ...messages: Uint8Array[]): this {
    for (const message of messages) this.replica.handleDatagram(sender, message, 0, message.length, this.now);
    return this;
  }

  /** Lets time pass. Returns the names of the requests that the node sends; `began` where it says that it began. */
  pass(milliseconds: number): { readonly name: number; readonly began: boolean }[] {
    const sent: { name: number; began: boolean }[] = [];
    for (
      const end = this.now + milliseconds;
      ;
      this.now = Math.min(end, Math.max(this.now, this.engine.pollTimeout()))
    ) {
      this.engine.handleTimeout(this.now);
      this.engine.pollTransmit(this.collector, this.now, 1000);
      for (const { kind } of this.engine.pollEvents())
        if (kind === 'resync-complete') this.sinks.dropDead(new Log(undefined, undefined, undefined));
      for (const message of this.datagrams.splice(0).flatMap(splitDatagram)) {
        if (flagsOf(message, 0) & Flag.ANSWERED) this.answers++;
        if (flagsOf(message, 0) === Flag.RESYNC)
          sent.push({
            name: rangeFromOf(message, 0),
            began: rangeToOf(message, 0) !== rangeFromOf(message, 0),
          });
      }
      if (this.now >= end) return sent;
    }
  }

  /** The internal cache is flushed. */
  flush(): this {
    this.replica.cached.flows.flush();
    return this;
  }

  /** The ends of answers that were sent since the last call. */
  takeAnswers(): number {
    const { answers } = this;
    this.answers = 0;
    return answers;
  }

  get size(): number {
    return this.external.table.size;
  }
}

const update = (n: number, sequence: number): Uint8Array => data(CT_UPD, sequence, record(n));

/** A node whose peer has answered, with the flows 0 to 9 and the numbers up to 20. */
function knowing(): HealingNode {
  const node = new HealingNode();
  node.receive(alive(1));
  const [request] = node.pass(0);
  for (let n = 0; n < 10; n++) node.receive(update(n, 2 + n));
  node.receive(answered(12, request!.name));
  expect(node.pass(0)).toEqual([]);
  for (let n = 13; n <= 20; n++) node.receive(alive(n));
  return node;
}

describe('NOTRACK: a node that heals itself', () => {
  it('asks a peer that it hears for the first time, and says that it began until it is answered', () => {
    const node = new HealingNode();
    node.receive(alive(1));
    const [first] = node.pass(0);
    expect(first!.began).toBe(true);
    node.receive(alive(5));
    const [second] = node.pass(1000);
    expect(second!.began).toBe(true);
    node.receive(answered(6, second!.name), alive(9));
    expect(node.pass(2000).map(({ began }) => began)).toEqual([false]);
  });

  it('asks where numbers are missing, come again, or restart, and nowhere else', () => {
    for (const sequence of [25, 15, 900_000]) {
      const node = knowing();
      expect(node.pass(1000)).toEqual([]);
      expect(node.receive(alive(sequence)).pass(0)).toHaveLength(1);
    }
    expect(knowing().receive(alive(21)).pass(4000)).toEqual([]);
  });

  it('asks ever less often while messages are lost: 8 times in a minute, then twice', () => {
    const node = knowing();
    let asked = 0;
    const lose = (seconds: number): number => {
      asked = 0;
      for (let n = 0; n < seconds; n++)
        asked += node.receive(alive(1000 + 3 * (node.now / 1000))).pass(1000).length;
      return asked;
    };
    expect(lose(60)).toBeLessThanOrEqual(8);
    expect(lose(60)).toBeLessThanOrEqual(2);
  });

  it('drops what a complete answer did not bring', () => {
    const node = knowing();
    const [request] = node.receive(alive(23)).pass(2000);
    for (let n = 2; n < 10; n++) node.receive(update(n, 22 + n));
    node.receive(answered(32, request!.name)).pass(0);
    expect(node.size).toBe(8);
  });

  it('drops nothing after an answer of which a part is missing, and asks again', () => {
    const node = knowing();
    const [request] = node.receive(alive(23)).pass(2000);
    node.receive(update(2, 24), update(3, 26), answered(27, request!.name));
    node.pass(0);
    expect(node.size).toBe(10);
    expect(node.pass(4000)).toHaveLength(1);
  });

  it('drops nothing after the answer to an earlier request', () => {
    const node = knowing();
    const [request] = node.receive(alive(23)).pass(2000);
    node.receive(alive(30));
    node.pass(3000);
    node.receive(answered(31, request!.name)).pass(0);
    expect(node.size).toBe(10);
  });

  it('follows an invitation', () => {
    const node = knowing();
    expect(node.receive(resync(21)).pass(1000)).toEqual([]);
    expect(node.receive(rangeMessage(Flag.RESYNC, 22, 77, 78)).pass(1000)).toHaveLength(1);
  });
});

describe('NOTRACK: a node that is heard on another link while a peer is silent', () => {
  const OTHER = LINKS_MAX + 2;

  it('is taken for that peer, and is another node once both speak: what the peer has stays', () => {
    const node = knowing();
    node.pass(4000);
    let next = 900_000;
    /** The other node says something each half second, and answers each request: it has none of the flows. */
    const speak = (milliseconds: number, meanwhile = () => {}) => {
      for (let passed = 0; passed < milliseconds; passed += 500) {
        node.receiveFrom(OTHER, alive(next++));
        meanwhile();
        for (const { name } of node.pass(500)) node.receiveFrom(OTHER, answered(next++, name));
      }
    };
    speak(4000);
    expect(node.size).toBe(0);

    node.receive(alive(21), ...Array.from({ length: 10 }, (_, n) => update(n, 22 + n)));
    let last = 32;
    speak(4000, () => node.receive(alive(last++)));
    expect(node.size).toBe(10);
  });
});

describe('NOTRACK: a node that moves on from link to link within a second', () => {
  /** It is heard once by this sender, and from then on as the last one, where it answers that it has nothing. */
  function move(node: HealingNode, by: number): void {
    node.receiveFrom(by, alive(21));
    for (let next = 22, passed = 0; passed < 6000; passed += 500) {
      node.receiveFrom(LINKS_MAX + 3, alive(next++));
      for (const { name } of node.pass(500)) node.receiveFrom(LINKS_MAX + 3, answered(next++, name));
    }
  }

  it('is one node on all of them', () => {
    const node = knowing();
    move(node, LINKS_MAX + 2);
    expect(node.size).toBe(0);
  });

  it('may be several nodes where two were heard on one link: what the silent one has stays', () => {
    const node = knowing();
    move(node, LINKS_MAX + 1);
    expect(node.size).toBe(10);
  });
});

describe('NOTRACK: a node whose internal cache is flushed', () => {
  it('answers no request until it has read the table, and then invites its peer to ask', () => {
    const node = knowing();
    node.receive(rangeMessage(Flag.RESYNC, 21, 77, 77)).pass(10);
    expect(node.takeAnswers()).toBe(1);
    node
      .flush()
      .receive(rangeMessage(Flag.RESYNC, 22, 78, 78))
      .pass(2000);
    expect(node.takeAnswers()).toBe(0);
    node.engine.noteTableRead(0);
    expect(node.pass(0).map(({ began }) => began)).toEqual([true]);
    node.receive(rangeMessage(Flag.RESYNC, 23, 79, 79)).pass(2000);
    expect(node.takeAnswers()).toBe(1);
  });
});

describe('NOTRACK: beside a C node, which does not say when it has sent everything', () => {
  /** A node whose peer, C, has sent 20 flows and fallen silent, and is asked for the second time. */
  function asked(): { readonly node: HealingNode; readonly next: number } {
    const node = new HealingNode();
    node.receive(alive(1)).pass(0);
    for (let n = 0; n < 20; n++) node.receive(update(n, 2 + n));
    node.pass(1000);
    // What it sent first was not known, and cannot show that it was all.
    expect(node.receive(alive(22)).pass(1)).toHaveLength(1);
    return { node, next: 23 };
  }

  it('drops what came neither before nor after another silence, if most came again as it was', () => {
    const { node, next } = asked();
    let sequence = next;
    for (let n = 3; n < 20; n++) node.receive(update(n, sequence++));
    node.pass(1000);
    node.receive(alive(sequence)).pass(0);
    expect(node.size).toBe(17);
  });

  it('keeps everything where little came, as if the request was lost', () => {
    const { node, next } = asked();
    node.receive(update(3, next), update(4, next + 1));
    node.pass(1000);
    for (let n = 2; n < 200; n++) node.receive(alive(next + n)).pass(1000);
    expect(node.size).toBe(20);
  });
});
