import { describe, expect, it } from 'vitest';
import { rangeMessage } from '../../../sim/faults/stage/messages.ts';
import { ack, alive, data, nack, resync } from '../../../sim/fuzz/messages.ts';
import { MessageResult } from '../../../src/sync/engine.ts';
import { FlowControl } from '../../../src/sync/ftfw/flow-control.ts';
import { PeerTable } from '../../../src/sync/peer-table.ts';
import { SequenceSource } from '../../../src/sync/sequence.ts';
import { DIGEST_FLAGS, Flag, MessageType } from '../../../src/wire/header.ts';
import type { ParsedMessage } from '../../support/datagrams.ts';
import { record } from '../../table/records.ts';
import { Node, type NodeOptions } from '../node.ts';

const { CT_NEW } = MessageType;

/** A node whose first round with peer 1 is over, and whose next message has the number 1000. */
function healingNode(options: NodeOptions = {}): Node {
  const node = new Node({ ...options, healsItself: true, first: 997 });
  node.advance(1000);
  node.transmit();
  node.receive(alive(0, Flag.HELLO_BACK));
  expect(node.transmitBrief().join()).toContain('RESYNC');
  node.advance(1600);
  node.transmit();
  node.receive(ack(1, 997, 999));
  node.transmit();
  node.advance(2000);
  node.transmit();
  return node;
}

/** What the node sends besides ALIVE, in short. */
function brief(node: Node): string[] {
  return node.transmitBrief().filter((text) => !text.startsWith('ALIVE'));
}

describe('FT-FW: a node that heals itself', () => {
  it('asks a peer that restarts, sends it everything if it does not ask, and does so once', () => {
    const node = healingNode();
    node.beginMany(3);
    node.transmit();
    node.receive(ack(2, 1000, 1002), 1);
    node.transmit();
    node.receive(alive(500, Flag.HELLO), 2);
    expect(brief(node).join()).toContain('RESYNC');
    node.advance(1400);
    expect(brief(node).join()).not.toContain('NEW');
    node.advance(200);
    expect(brief(node).filter((text) => text.startsWith('NEW'))).toHaveLength(3);
  });

  it('says when it has sent all that a request asked for, after the last record', () => {
    const node = healingNode();
    node.beginMany(3);
    node.transmit();
    node.receive(resync(2), 1);
    const sent = [...node.transmit(2), ...node.transmit(), ...node.transmit()];
    const answer = sent.findIndex(({ flags }) => (flags & Flag.ANSWERED) !== 0);
    expect(sent[answer]).toMatchObject({
      flags: Flag.ACK | Flag.ANSWERED | Flag.TELLS_ANSWERED,
      range: [2, 2],
    });
    expect(sent.slice(0, answer).filter(({ type }) => type === CT_NEW)).toHaveLength(3);
    expect(sent.slice(answer).filter(({ type }) => type === CT_NEW)).toHaveLength(0);
  });

  it('does not vouch for an answer of which a part has left the full resend queue', () => {
    const node = healingNode({ resendQueueSize: 5 });
    node.beginMany(20);
    node.transmit();
    node.receive(resync(2), 1);
    const sent = [...node.transmit(), ...node.transmit()];
    const answers = sent.filter(({ flags }) => (flags & Flag.ANSWERED) !== 0);
    expect(answers.map(({ flags }) => flags)).toEqual([Flag.ACK | Flag.ANSWERED]);
  });

  it('does not send everything for each of many requests', () => {
    const node = healingNode();
    node.beginMany(50);
    node.transmit();
    let records = 0;
    for (let n = 0; n < 100; n++) {
      node.receive(resync(10 + n), 1);
      records += node.transmit().filter(({ type }) => type === CT_NEW).length;
      node.advance(5);
    }
    expect(records).toBeLessThanOrEqual(100);
  });

  it('invites to ask when what a NACK wants has left the queue', () => {
    const node = healingNode({ resendQueueSize: 5 });
    node.beginMany(20);
    const { sequence } = node.transmit().find(({ type }) => type === CT_NEW)!;
    node.receive(nack(2, sequence, sequence + 4));
    const requests = node.transmit().filter(({ flags }) => (flags & Flag.RESYNC) !== 0);
    expect(requests.map(({ range }) => range)).toEqual([[1, 1]]);
  });
});

describe('FT-FW: a node whose resend queue is full', () => {
  it('invites a peer of ours again before it would believe an earlier answer, until it asks', () => {
    const node = healingNode({ resendQueueSize: 5 });
    const invitations = (): number =>
      node.transmit().filter(({ flags, range }) => flags & Flag.RESYNC && range?.[0] === 1).length;
    node.receive(ack(2, 1000, 1000, Flag.TELLS_ANSWERED), 1);
    node.beginMany(10);
    const { sequence } = node.transmit().find(({ type }) => type === CT_NEW)!;
    node.receive(nack(3, sequence, sequence), 1);
    let sent = 0;
    for (let n = 4; n < 34; n++) {
      sent += invitations();
      node.advance(100);
      node.receive(alive(n), 1);
    }
    expect(sent).toBeGreaterThanOrEqual(7);
    node.receive(resync(34), 1);
    node.advance(2000);
    expect(invitations()).toBe(0);
  });

  it('asks for everything when a NACK of its own leaves the queue', () => {
    const node = healingNode({ resendQueueSize: 3 });
    node.receive(alive(10));
    expect(node.transmitBrief().join()).toContain('NACK 2-9');
    node.beginMany(2);
    node.advance(1000);
    expect(node.transmitBrief().join()).not.toContain('RESYNC');
    node.beginMany(2, 10);
    expect(node.transmitBrief().join()).toContain('RESYNC');
  });
});

describe('FT-FW: an answer of which a NACK asks for a part', () => {
  const ANSWER = Flag.ACK | Flag.TELLS_ANSWERED | Flag.ANSWERED;

  /** A node that was answered, and has not been told whether the peer has its NACK of the number 2. */
  function answeredNode(whenAsked: 'before' | 'behind'): { node: Node; nacked: number } {
    const node = healingNode();
    node.receive(data(CT_NEW, whenAsked === 'before' ? 4 : 2, record(1)), 1);
    node.transmit();
    node.engine.requestResync();
    const { sequence } = node.transmit().find(({ flags }) => (flags & Flag.RESYNC) !== 0)!;
    if (whenAsked === 'behind') node.receive(data(CT_NEW, 4, record(1)), 1);
    const nacked = node.transmit().find(({ flags }) => (flags & Flag.NACK) !== 0)?.sequence ?? -1;
    node.receive(rangeMessage(ANSWER, 5, sequence, sequence), 1);
    node.transmit();
    for (let n = 6; n < 8; n++) {
      node.advance(600);
      node.receive(alive(n), 1);
      node.transmit();
    }
    return { node, nacked };
  }

  it('is complete if what is missing was sent before the request', () => {
    expect(answeredNode('before').node.engine.rounds.takeAnswers()).toHaveLength(1);
  });

  it('is complete if what is missing came with it, once the peer has the NACK', () => {
    const { node, nacked } = answeredNode('behind');
    expect(node.engine.rounds.takeAnswers()).toHaveLength(0);
    node.receive(ack(8, nacked, nacked, Flag.TELLS_ANSWERED), 1);
    node.transmit();
    expect(node.engine.rounds.takeAnswers()).toHaveLength(1);
  });

  it('is asked for again if the peer does not acknowledge the NACK', () => {
    const { node } = answeredNode('behind');
    const asked: string[] = [];
    for (let n = 8; n < 10; n++) {
      node.advance(500);
      node.receive(alive(n), 1);
      asked.push(...brief(node).filter((text) => text.includes('RESYNC')));
    }
    expect(asked).toHaveLength(1);
  });
});

describe('FT-FW: a node whose internal cache is flushed', () => {
  /** A node with three records that were sent, and a peer of ours. */
  function filledNode(): Node {
    const node = healingNode();
    node.beginMany(3);
    node.transmit();
    node.receive(ack(2, 1000, 1002, Flag.TELLS_ANSWERED), 1);
    return node;
  }

  const answers = (node: Node): number =>
    node.transmit().filter(({ flags }) => (flags & Flag.ANSWERED) !== 0).length;
  const invitations = (node: Node): number =>
    node.transmit().filter(({ flags, range }) => flags & Flag.RESYNC && range?.[0] === 1).length;

  it('answers no request until it has read the table, and then invites its peer to ask', () => {
    const node = filledNode();
    node.replica.cached.flows.flush();
    node.receive(resync(3), 1);
    expect(answers(node) + answers(node)).toBe(0);
    node.engine.noteTableRead(0);
    expect(invitations(node)).toBe(1);
    node.advance(1100);
    node.receive(resync(4), 1);
    expect(answers(node) + answers(node)).toBe(1);
    node.advance(2000);
    expect(invitations(node)).toBe(0);
  });

  it('does not take the rest of an answer under way for the whole', () => {
    const node = filledNode();
    node.receive(resync(3), 1);
    node.transmit(2);
    node.replica.cached.flows.flush();
    node.engine.noteTableRead(0);
    expect(answers(node) + answers(node)).toBe(0);
  });

  it('does not invite a C node, which sends everything on every request and drops nothing', () => {
    const node = healingNode();
    node.beginMany(3);
    node.transmit();
    node.receive(ack(2, 1000, 1002), 1);
    node.replica.cached.flows.flush();
    node.engine.noteTableRead(0);
    expect(invitations(node)).toBe(0);
  });

  it('invites a peer that is silent once it is heard again', () => {
    const node = filledNode();
    node.advance(7000);
    node.transmit();
    node.replica.cached.flows.flush();
    node.engine.noteTableRead(0);
    expect(invitations(node)).toBe(0);
    node.receive(alive(3), 1);
    node.advance(1000);
    expect(invitations(node)).toBe(1);
  });
});

describe('FT-FW: digests', () => {
  /** The digests that the node sends within a minute. */
  function digests(node: Node, peer = 1): ParsedMessage[] {
    const found: ParsedMessage[] = [];
    for (let second = 0; second < 61; second++) {
      found.push(...node.transmit().filter(({ flags }) => (flags & DIGEST_FLAGS) === DIGEST_FLAGS));
      node.receive(alive(next++), peer);
      node.advance(1000);
    }
    return found;
  }
  let next = 0;

  /** A node with three records that a peer of ours has acknowledged. */
  function knownNode(flags: number = Flag.TELLS_ANSWERED): Node {
    const node = healingNode();
    node.beginMany(3);
    node.transmit();
    node.receive(ack(2, 1000, 1002, flags), 1);
    next = 3;
    return node;
  }

  it('are sent once a minute, with the number of flows, to peers of ours', () => {
    const sent = digests(knownNode());
    expect(sent.map(({ range }) => range?.[1])).toEqual([3]);
    expect(digests(knownNode(0))).toEqual([]);
  });

  it('are sent to a peer that has restarted on another link before it said on the first one that it is ours', () => {
    const node = knownNode(0);
    for (const sequence of [8000, 8001]) node.receive(alive(sequence, Flag.HELLO), 2);
    node.transmit();
    node.receive(ack(8002, 1000, 1002, Flag.TELLS_ANSWERED), 2);
    next = 8003;
    expect(digests(node, 2)).toHaveLength(1);
  });

  it('are not sent of a cache that was flushed, until it is read again', () => {
    const node = knownNode();
    node.replica.cached.flows.flush();
    expect(digests(node)).toEqual([]);
    node.engine.noteTableRead(0);
    expect(digests(node).map(({ range }) => range?.[1])).toEqual([0]);
  });

  it('that differ are a reason to ask, three times and then seldom; those beside a gap are not looked at', () => {
    const node = knownNode();
    const { engine } = node;
    const asks = (): boolean => {
      node.advance(2000);
      return brief(node).join().includes('RESYNC');
    };
    expect(asks()).toBe(false);
    engine.noteCompared(true);
    expect(asks()).toBe(false);
    for (let n = 1; n <= 10; n++) {
      engine.noteCompared(false);
      expect(asks(), `difference ${n}`).toBe(n <= 3 || n === 10);
    }
    engine.noteCompared(true);
    engine.noteCompared(false);
    expect(asks()).toBe(true);
  });

  it('are given to the caller if nothing is missing before them', () => {
    const digest = (sequence: number): Uint8Array => rangeMessage(DIGEST_FLAGS, sequence, 5, 6);
    const result = (node: Node, sequence: number): number =>
      node.engine.handleMessage(1, digest(sequence), 0, node.now);
    const node = knownNode();
    node.advance(1100);
    node.transmit();
    expect(result(node, 3)).toBe(MessageResult.DIGEST);
    expect(result(node, 5)).toBe(MessageResult.HANDLED);
    expect(result(node, 6)).toBe(MessageResult.HANDLED);
    node.advance(1100);
    expect(result(node, 7)).toBe(MessageResult.DIGEST);
    // Another node's records are beside them.
    node.receive(alive(70, Flag.HELLO), 2);
    node.advance(4000);
    node.transmit();
    expect(result(node, 8)).toBe(MessageResult.HANDLED);
  });
});

describe('FT-FW: when the answer to a request is complete', () => {
  /** The node asks a peer that began anew with message 500; returns the request's number. */
  function askAnew(node: Node): number {
    node.engine.pollEvents();
    node.receive(alive(500, Flag.HELLO), 2);
    return node.transmit().find(({ flags }) => (flags & Flag.RESYNC) !== 0)!.sequence;
  }

  /** Whether the node takes all that peer 2 has not spoken of since it was asked for dead. */
  function isComplete(node: Node): boolean {
    node.transmit();
    return node.engine.pollEvents().some(({ kind }) => kind === 'resync-complete');
  }

  it('is told by the ACK of a C node, which sends in the order of queueing', () => {
    const node = healingNode();
    const request = askAnew(node);
    node.receive(data(CT_NEW, 501, record(1)), 2);
    expect(isComplete(node)).toBe(false);
    node.receive(ack(502, request, request), 2);
    expect(isComplete(node)).toBe(true);
  });

  it('is not told by the ACK of a C node of whose messages one was lost', () => {
    const node = healingNode();
    const request = askAnew(node);
    node.receive(data(CT_NEW, 501, record(1)), 2);
    node.receive(ack(503, request, request), 2);
    node.advance(1400);
    expect(isComplete(node)).toBe(false);
  });

  /** Peer 2 acknowledges the request, and one of its messages before that is lost. */
  function answerWithLoss(node: Node, request: number, sequence: number): void {
    node.receive(data(CT_NEW, sequence, record(1)), 2);
    node.receive(ack(sequence + 2, request, request), 2);
  }

  /** The number under which the node asks for everything now; undefined if it does not. */
  const requestNow = (node: Node): number | undefined =>
    node.transmit().find(({ flags }) => (flags & Flag.RESYNC) !== 0)?.sequence;

  it('is not told by the ACK of a C node of whose messages one was lost, and the node asks again at once', () => {
    const node = healingNode();
    const request = askAnew(node);
    node.advance(1000);
    answerWithLoss(node, request, 501);
    const again = requestNow(node);
    expect(again).toBeDefined();
    node.receive(data(CT_NEW, 504, record(1)), 2);
    node.advance(1000);
    node.receive(ack(505, again!, again!), 2);
    expect(isComplete(node)).toBe(true);
  });

  it('is not asked for each second while messages are lost', () => {
    const node = healingNode();
    let request = askAnew(node);
    let requests = 0;
    for (let n = 0; n < 20; n++) {
      node.advance(500);
      answerWithLoss(node, request, 501 + 3 * n);
      node.advance(100);
      const next = requestNow(node);
      if (next === undefined) continue;
      request = next;
      requests++;
    }
    expect(requests).toBe(1);
  });

  it('is not told by the ACK of a node that tells the end, which sends ACKs first', () => {
    const node = healingNode();
    const request = askAnew(node);
    node.receive(ack(501, request, request, Flag.TELLS_ANSWERED), 2);
    expect(isComplete(node)).toBe(false);
    node.receive(ack(502, request, request, Flag.TELLS_ANSWERED | Flag.ANSWERED), 2);
    expect(isComplete(node)).toBe(true);
  });

  it('is not told by an answer while the node is to ask again: what made it so may have taken part of the answer away', () => {
    const told = Flag.TELLS_ANSWERED | Flag.ANSWERED;
    const node = healingNode();
    const request = askAnew(node);
    node.receive(rangeMessage(Flag.RESYNC, 501, 1, 1), 2);
    node.receive(ack(502, request, request, told), 2);
    node.advance(100);
    expect(isComplete(node)).toBe(false);
    node.advance(900);
    const again = node.transmit().find(({ flags }) => (flags & Flag.RESYNC) !== 0)!.sequence;
    node.receive(ack(503, again, again, told), 2);
    expect(isComplete(node)).toBe(true);
  });

  it('is not told by the ACK of a C node to a request with HELLO, before which C misses no message', () => {
    const node = new Node({ healsItself: true });
    node.engine.requestResync();
    const [request] = node.transmit();
    expect(request).toMatchObject({ flags: Flag.RESYNC | Flag.HELLO });
    node.receive(alive(500), 2);
    node.receive(ack(501, request!.sequence, request!.sequence), 2);
    expect(isComplete(node)).toBe(false);
  });
});

describe('FT-FW: a peer that does not answer a request', () => {
  /** How many requests the node sends while the peer says nothing but that it is there, for 15 seconds. */
  function requestsOfDeafPeer(node: Node, sequence: number): number {
    let requests = 0;
    for (let n = 0; n < 150; n++) {
      node.receive(alive(sequence + n), 1);
      requests += node.transmit().filter(({ flags }) => (flags & Flag.RESYNC) !== 0).length;
      node.advance(100);
    }
    return requests;
  }

  it('is asked a few times only, and again from the beginning once it hears the node', () => {
    const node = healingNode();
    node.engine.requestResync();
    const { sequence } = node.transmit().find(({ flags }) => (flags & Flag.RESYNC) !== 0)!;
    expect(requestsOfDeafPeer(node, 2)).toBe(4);
    expect(requestsOfDeafPeer(node, 152)).toBe(0);
    node.receive(nack(302, sequence, sequence), 1);
    expect(requestsOfDeafPeer(node, 303)).toBe(4 + 1);
  });
});

describe('FT-FW: a peer that may have restarted unnoticed, soon after its HELLO', () => {
  /** A node that has asked peer 2, whose messages 500 to 503 had HELLO, and 504 had none. */
  function nodeInDoubt(): Node {
    const node = healingNode();
    for (let n = 500; n < 504; n++) node.receive(alive(n, Flag.HELLO), 2);
    node.receive(alive(504), 2);
    node.transmit();
    node.advance(1000);
    node.transmit();
    return node;
  }

  const asks = (node: Node): boolean => node.transmit().some(({ flags }) => (flags & Flag.RESYNC) !== 0);

  it('is asked for everything when its messages run past those that it sent before', () => {
    const node = nodeInDoubt();
    for (let n = 501; n < 504; n++) node.receive(alive(n, Flag.HELLO), 2);
    node.receive(alive(504), 2);
    expect(asks(node)).toBe(false);
    node.receive(alive(505), 2);
    expect(asks(node)).toBe(true);
  });

  it('is asked for everything when messages are missing behind those that it sent before', () => {
    const node = nodeInDoubt();
    for (let n = 501; n < 504; n++) node.receive(alive(n, Flag.HELLO), 2);
    node.receive(alive(506), 2);
    expect(asks(node)).toBe(true);
  });

  it('is asked for everything when a HELLO follows a message without', () => {
    const node = nodeInDoubt();
    node.receive(alive(505, Flag.HELLO), 2);
    expect(asks(node)).toBe(true);
  });
});

describe('FT-FW: a HELLO that is doubted while the peer goes on', () => {
  /** Whether the node asks once its peer, which says something each second, has gone on behind a HELLO of this number. */
  function asksBehindHello(sequence: number): boolean {
    const node = healingNode();
    node.receive(alive(500, Flag.HELLO), 2);
    for (let n = 501; n < 510; n++) {
      node.receive(alive(n), 2);
      node.transmit();
      node.advance(1000);
    }
    node.receive(alive(sequence, Flag.HELLO), 2);
    node.receive(alive(510), 2);
    return node.transmit().some(({ flags }) => (flags & Flag.RESYNC) !== 0);
  }

  it('may be of a restart under numbers near, after which everything is asked for', () => {
    expect(asksBehindHello(530)).toBe(true);
  });

  it('is somebody else otherwise', () => {
    expect(asksBehindHello(5_000_000)).toBe(false);
  });
});

describe('FT-FW: what a node knows of its peers', () => {
  const kinds = (node: Node): string[] => node.engine.pollEvents().map(({ kind }) => kind);

  it('reports a peer that falls silent, and that comes back', () => {
    const node = healingNode();
    kinds(node);
    node.advance(5000);
    expect(node.engine.pollEvents()).toEqual([{ kind: 'peer-silent', sender: 1, silentMs: 5000 }]);
    expect(node.engine.status(node.now)).toMatchObject({ peers: 1, silent: 1 });
    node.advance(5000);
    node.receive(alive(2), 1);
    expect(node.engine.pollEvents()).toEqual([{ kind: 'peer-back', sender: 1, silentMs: 12_000 }]);
    expect(node.engine.status(node.now)).toMatchObject({ peers: 1, silent: 0, heardAt: node.now });
  });

  it('reports a peer whose messages are behind for a second, once', () => {
    const node = healingNode();
    kinds(node);
    for (let n = 0; n < 29; n++) {
      node.receive(alive(0xffff_f000 + n), 1);
      node.advance(100);
    }
    expect(kinds(node).filter((kind) => kind === 'peer-refused')).toHaveLength(1);
  });

  it('lacks an answer until the peer has sent everything, and messages while some are lost', () => {
    const node = healingNode();
    const missing = () => node.engine.status(node.now).missing;
    node.receive(alive(500, Flag.HELLO), 2);
    expect(missing()).toBe('answer');
    const request = node.transmit().find(({ flags }) => (flags & Flag.RESYNC) !== 0)!.sequence;
    node.receive(ack(501, request, request), 2);
    node.receive(ack(2, request, request), 1);
    node.transmit();
    expect(missing()).toBe('nothing');
    node.receive(alive(510), 2);
    expect(missing()).toBe('messages');
  });

  it('does not know what it lacks where it does not ask', () => {
    expect(new Node().engine.status(0).missing).toBe('unknown');
  });
});

describe('FlowControl', () => {
  it('takes an ACK of a number that is not in flight for none', () => {
    const sequences = new SequenceSource(0);
    const peers = new PeerTable(() => 0);
    peers.touch(1, 0);
    const flow = new FlowControl(300, sequences, peers);
    for (let n = 0; n < 100; n++) sequences.take();
    flow.acknowledge(49);
    flow.acknowledge(0x7fff_ffff);
    expect(flow.admit(0)).toBe(true);
  });
});
