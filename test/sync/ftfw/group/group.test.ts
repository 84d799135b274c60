import { describe, expect, it } from 'vitest';
import { alive, nack } from '../../../../sim/fuzz/messages.ts';
import { PEER_GONE_MS } from '../../../../src/sync/peer-presence.ts';
import { GROUP_FLAGS } from '../../../../src/wire/header.ts';
import { describeMessage, readMessages } from '../../../support/datagrams.ts';
import { Node } from '../../node.ts';
import { NodeGroup } from './node-group.ts';

/** Milliseconds until nodes that start together know each other, and lack nothing. */
const START_MS = 12_000;

function startedGroup(size: number, first?: (node: number) => number): NodeGroup {
  const group = new NodeGroup(size, (node) => ({ first: first?.(node) ?? 1_000_000 * node + 1 }));
  group.run(START_MS);
  group.reports = [];
  group.datagrams = 0;
  return group;
}

/** What leaves a node, in short, while this runs. */
function watch(group: NodeGroup, act: () => void): string[] {
  const sent: string[] = [];
  const { loses } = group;
  const seen = new Set<Uint8Array>();
  group.loses = (from, to, datagram) => {
    if (!seen.has(datagram)) sent.push(...readMessages(datagram).map(describeMessage));
    seen.add(datagram);
    return loses(from, to, datagram);
  };
  act();
  group.loses = loses;
  return sent;
}

function known(group: NodeGroup): number[] {
  return group.nodes.map((node) => node.externalFlows.table.size);
}

/** A node that takes the place of one that ended. */
function restartedNode(group: NodeGroup, first: number): Node {
  const node = new Node({ healsItself: true, first });
  node.advance(group.now);
  return node;
}

/** What node 0 may be of three, and which datagrams are lost then. */
const OUTAGES: readonly (readonly [string, NodeGroup['loses']])[] = [
  ['cut off from the two others', (from, to) => from === 0 || to === 0],
  ['cut off from one of them', (from, to) => from + to === 1],
  ['not heard by one of them', (from, to) => from === 0 && to === 1],
  ['deaf to one of them', (from, to) => from === 1 && to === 0],
];

describe('a group of ours', () => {
  it('acknowledges with reports: no ACK and no NACK, whatever is lost', () => {
    const group = startedGroup(4);
    const sent = watch(group, () => {
      group.loseAtRandom(0.3, 1);
      group.nodes[0]!.beginMany(50);
      group.run(10_000);
    });
    expect(sent.filter((text) => /ACK|NACK/.test(text) && !text.startsWith('ALIVE'))).toEqual([]);
    expect(known(group)).toEqual([0, 50, 50, 50]);
    expect(group.nodes.map((node) => node.recordsKept)).toEqual([0, 0, 0, 0]);
  });

  it('says HELLO until it is answered, and no longer', () => {
    const group = startedGroup(3);
    const sent = watch(group, () => group.run(5000));
    expect(sent.some((text) => text.includes('HELLO'))).toBe(false);
  });

  it('does not speak sooner because of a NACK, which a node sends that has not heard the group for a while', () => {
    const group = startedGroup(5);
    group.run(1100);
    const { last } = group.reports.findLast(({ node }) => node === 0)!.report;
    for (const node of group.nodes.slice(1)) node.receive(nack(last + 1, 1, 2), NodeGroup.senderOf(0));
    group.datagrams = 0;
    group.run(500);
    expect(group.datagrams).toBeLessThanOrEqual(5);
  });

  it('sends a keep-alive of each node a second, and no more, while nothing happens', () => {
    for (const size of [3, 16]) {
      const group = startedGroup(size);
      group.run(10_000);
      expect(group.datagrams).toBeGreaterThanOrEqual(9 * size);
      expect(group.datagrams).toBeLessThanOrEqual(11 * size);
    }
  });

  it.each([3, 8, 16])('asks a few times, not once a node, for what %i nodes miss', (size) => {
    const group = startedGroup(size);
    const [sender] = group.nodes;
    group.loses = (from) => from === 0;
    sender!.begin(1);
    group.run(1);
    group.loses = () => false;
    sender!.begin(2);
    group.run(4 * size);
    const asking = group.reports.filter(({ report }) => report.receipts.some(({ runs }) => runs.length > 0));
    expect(asking.length).toBeGreaterThanOrEqual(1);
    expect(asking.length).toBeLessThanOrEqual(4);
    group.run(2000);
    expect(known(group)).toEqual([0, ...Array(size - 1).fill(2)]);
  });

  it('sends what several miss once, for all of them', () => {
    const group = startedGroup(8);
    const [sender] = group.nodes;
    group.loses = (from, to) => from === 0 && to > 3;
    sender!.begin(1);
    group.run(1);
    group.loses = () => false;
    sender!.begin(2);
    const sent = watch(group, () => group.run(5000));
    expect(sent.filter((text) => text === 'NEW')).toHaveLength(2);
    expect(known(group)).toEqual([0, 2, 2, 2, 2, 2, 2, 2]);
    expect(sender!.recordsKept).toBe(0);
  });

  it('does not send a repair again that is lost on its way to a node which has the message', () => {
    const group = startedGroup(4);
    const [sender] = group.nodes;
    group.loses = (from, to) => from === 0 && to === 3;
    sender!.begin(1);
    group.run(1);
    // The repair reaches node 3, and neither of the two that have what it repeats.
    group.loses = (from, to, datagram) =>
      from === 0 && to !== 3 && readMessages(datagram).some((message) => describeMessage(message) === 'NEW');
    const sent = watch(group, () => group.run(6000));
    expect(sent.filter((text) => text === 'NEW')).toHaveLength(1);
    expect(known(group)).toEqual([0, 1, 1, 1]);
    expect(sender!.recordsKept).toBe(0);
  });

  it('keeps what one node has not acknowledged, however often the others do', () => {
    const group = startedGroup(4);
    const [sender] = group.nodes;
    group.loses = (from, to) => from === 3 || to === 3;
    sender!.begin(1);
    group.run(4000);
    expect(sender!.recordsKept).toBe(1);
    group.loses = () => false;
    group.run(4000);
    expect(known(group)).toEqual([0, 1, 1, 1]);
    expect(sender!.recordsKept).toBe(0);
  });

  it('takes no report for its own that concerns the same numbers of another node', () => {
    // All numbers of both lie in one range.
    const group = startedGroup(3, (node) => (node < 2 ? 5000 + node : 900_000));
    const [one, other] = group.nodes;
    group.loses = (from, to) => from === 0 && to === 2;
    one!.beginMany(20, 100);
    group.run(1);
    group.loses = (from, to) => from === 0 && to === 2;
    other!.beginMany(20, 200);
    group.run(3000);
    expect(one!.recordsKept).toBe(20);
    group.loses = () => false;
    group.run(4000);
    expect(known(group)).toEqual([20, 20, 40]);
    expect(one!.recordsKept).toBe(0);
  });

  it('follows a node that restarts although every HELLO of it is lost', () => {
    const group = startedGroup(4);
    group.nodes[1]!.beginMany(5, 50);
    group.run(3000);
    const restarted = new NodeGroup(1, () => ({ first: 77, now: group.now })).nodes[0]!;
    group.nodes[1] = restarted;
    // Nodes 2 and 3 hear nothing until it is past its handshake.
    group.loses = (from, to) => from === 1 && to > 1;
    group.run(6000);
    restarted.begin(60);
    group.loses = () => false;
    group.run(12_000);
    expect(known(group)).toEqual([6, 0, 6, 6]);
  });

  it('reports again when a node comes back to two that restarted meanwhile, and saw one peer only', () => {
    const group = startedGroup(3);
    group.loses = (from, to) => from === 2 || to === 2;
    group.run(6000);
    for (const [node, first] of [3_000_001, 4_000_001].entries())
      group.nodes[node] = restartedNode(group, first);
    group.nodes[0]!.begin(1);
    group.run(12_000);
    group.loses = () => false;
    group.run(2000);
    const sent = watch(group, () => {
      group.nodes[1]!.beginMany(20, 10);
      group.run(10_000);
    });
    expect(sent.filter((text) => /ACK|NACK/.test(text) && !text.startsWith('ALIVE'))).toEqual([]);
    expect(known(group)).toEqual([20, 1, 21]);
  });

  it('goes back to ACK and NACK for a node that does not say that it is one of ours', () => {
    const group = startedGroup(3);
    let sequence = 3_000_000_000;
    const sent = watch(group, () => {
      for (let second = 0; second < 8; second++) {
        for (const one of group.nodes) one.receive(alive(++sequence - (sequence % 2)), 400);
        group.run(1000);
      }
    });
    expect(sent.some((text) => text.startsWith('ACK'))).toBe(true);
    expect(group.reports.filter(({ at }) => at > group.now - 2000)).toEqual([]);
  });

  it('goes on reporting where two of three do not hear each other', () => {
    const group = startedGroup(3);
    const apart = (from: number, to: number) => from !== 2 && to !== 2;
    group.loses = apart;
    group.run(10_000);
    const sent = watch(group, () => {
      group.loseAtRandom(0.3, 1);
      const { loses } = group;
      group.loses = (from, to, datagram) => apart(from, to) || loses(from, to, datagram);
      for (const [n, node] of group.nodes.entries()) node.beginMany(50, 100 * n);
      group.run(10_000);
    });
    expect(sent.filter((text) => /ACK|NACK/.test(text) && !text.startsWith('ALIVE'))).toEqual([]);
    expect(known(group)).toEqual([50, 50, 100]);
  });

  it('is a pair again a minute after all others of it fell silent', () => {
    const group = startedGroup(3);
    group.loses = (from, to) => from === 2 || to === 2;
    // Nor does it go on because there is always something to send.
    for (let n = 0; n < (PEER_GONE_MS + 6000) / 500; n++) {
      group.nodes[0]!.begin(100 + n);
      group.run(500);
    }
    group.reports = [];
    const sent = watch(group, () => {
      group.nodes[0]!.beginMany(50);
      group.run(2000);
    });
    expect(group.reports.filter(({ node }) => node !== 2)).toEqual([]);
    expect(sent.some((text) => text.startsWith('ACK'))).toBe(true);
  });

  it.each(OUTAGES)('has everything after a node was for longer than it is waited for %s', (_, isCut) => {
    const group = startedGroup(3);
    group.loses = isCut;
    for (let second = 0; second < PEER_GONE_MS / 1000 + 5; second++) {
      for (const [n, node] of group.nodes.entries()) node.begin(100 * n + second);
      group.run(1000);
    }
    // These are still to be acknowledged when it is back.
    for (const [n, node] of group.nodes.entries()) node.begin(100 * n + 99);
    group.run(2);
    group.loses = () => false;
    group.run(5000);
    const began = PEER_GONE_MS / 1000 + 6;
    expect(known(group)).toEqual([2 * began, 2 * began, 2 * began]);
    expect(group.nodes.map((node) => node.recordsKept)).toEqual([0, 0, 0]);
  });

  it.each(OUTAGES)(
    'keeps nothing that ended while a node was for longer than it is waited for %s',
    (_, isCut) => {
      const group = startedGroup(3);
      for (const [n, node] of group.nodes.entries()) node.beginMany(3, 100 * n);
      group.run(1000);
      group.loses = isCut;
      group.run(PEER_GONE_MS + 5000);
      for (const [n, node] of group.nodes.entries()) node.end(100 * n);
      group.run(100);
      group.loses = () => false;
      for (const [n, node] of group.nodes.entries()) node.end(100 * n + 1);
      group.run(5000);
      expect(known(group)).toEqual([2, 2, 2]);
    },
  );

  it('asks for everything again when it missed messages of a node that did not hear it yet, and so kept nothing for it', () => {
    const group = startedGroup(3);
    const [, , deprived] = group.nodes;
    group.loses = (from, to) => from === 2 && to === 0;
    const restarted = restartedNode(group, 77);
    group.nodes[0] = restarted;
    restarted.beginMany(3);
    group.run(5000);
    group.loses = (from, to) => from + to === 2 && from !== to;
    restarted.end(0);
    group.run(2000);
    group.loses = (from, to) => from === 2 && to === 0;
    group.run(2000);
    expect(known(group)).toEqual([0, 2, 3]);
    group.loses = () => false;
    deprived!.engine.pollEvents();
    group.run(6000);
    expect(deprived!.engine.pollEvents().map(({ kind }) => kind)).toContain('resync-requested');
  });

  it('counts a report about numbers that were never sent, and releases nothing', () => {
    const group = startedGroup(3);
    const [node] = group.nodes;
    group.loses = () => true;
    node!.begin(1);
    group.run(1);
    const last = group.reports.at(-1);
    expect(last).toBeUndefined();
    expect(node!.recordsKept).toBe(1);
    group.run(1500);
    const report = new Uint8Array(8 + 8 + 16);
    report.set([0x1a, GROUP_FLAGS, 0, report.length]);
    new DataView(report.buffer).setUint32(8, 1_000_001);
    new DataView(report.buffer).setUint16(14, 1);
    new DataView(report.buffer).setUint32(16, 1);
    new DataView(report.buffer).setUint32(20, 1);
    new DataView(report.buffer).setUint32(24, 900_000_000);
    expect(node!.receive(report, NodeGroup.senderOf(1))).toBe(true);
    expect(node!.engine.counters.unfoundedAcks).toBe(1);
    expect(node!.recordsKept).toBe(1);
  });
});

describe('a pair', () => {
  it('says nothing of groups', () => {
    const group = new NodeGroup(2);
    const flags = new Set<number>();
    group.loses = (_from, _to, datagram) => {
      for (const message of readMessages(datagram)) flags.add(message.flags & GROUP_FLAGS);
      return false;
    };
    group.run(START_MS);
    group.nodes[0]!.beginMany(50);
    group.loseAtRandom(0.3, 1);
    group.run(5000);
    expect(group.reports).toEqual([]);
    expect([...flags]).not.toContain(GROUP_FLAGS);
  });
});
