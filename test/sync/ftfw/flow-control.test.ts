import { describe, expect, it } from 'vitest';
import { ack, alive } from '../../../sim/fuzz/messages.ts';
import { TransmitResult } from '../../../src/sync/engine.ts';
import { connectedNode, type Node, receiveMany } from '../node.ts';

describe('FT-FW: flow control', () => {
  const WINDOW = 300;
  const IN_FLIGHT = 8 * WINDOW;

  /** A node with `count` records to send, whose peer acknowledged just now. */
  function loaded(count: number): Node {
    const node = connectedNode({ ackWindowSize: WINDOW });
    node.beginMany(count);
    node.receive(alive(1));
    node.receive(ack(2, 998, 999));
    return node;
  }

  it('waits when eight windows are unacknowledged', () => {
    const node = loaded(5000);
    expect(node.transmit().length).toBe(IN_FLIGHT);
    expect(node.transmission).toBe(TransmitResult.WAITING);
    expect(node.transmit()).toEqual([]);
    expect(node.transmission).toBe(TransmitResult.WAITING);
  });

  it('waits at eight windows after a long idle time, too', () => {
    const node = connectedNode({ ackWindowSize: WINDOW });
    node.advance(60_000);
    node.transmit();
    node.receive(alive(1));
    node.receive(ack(2, 998, 1000));
    node.advance(500);
    node.beginMany(5000);
    expect(node.transmit().length).toBeLessThanOrEqual(IN_FLIGHT);
    expect(node.transmission).toBe(TransmitResult.WAITING);
  });

  it('sends as many records as an ACK makes room for', () => {
    const node = loaded(5000);
    const sent = node.transmit();
    node.receive(ack(3, sent[0]!.sequence, sent[24]!.sequence));
    expect(node.transmit().length).toBe(25);
    expect(node.transmission).toBe(TransmitResult.WAITING);
  });

  it('sends eight more windows after 20 ms without an ACK', () => {
    const node = loaded(5000);
    node.transmit();
    expect(node.engine.pollTimeout()).toBe(node.now + 20);
    node.advance(19);
    expect(node.transmit()).toEqual([]);
    node.advance(1);
    expect(node.transmit().length).toBe(IN_FLIGHT);
    expect(node.transmission).toBe(TransmitResult.WAITING);
    expect(node.engine.pollTimeout()).toBe(node.now + 20);
  });

  it('waits another 20 ms after every ACK', () => {
    const node = loaded(5000);
    const sent = node.transmit();
    node.advance(15);
    node.receive(ack(3, sent[0]!.sequence, sent[24]!.sequence));
    expect(node.transmit().length).toBe(25);
    node.advance(19);
    expect(node.transmit()).toEqual([]);
    node.advance(1);
    expect(node.transmit().length).toBe(IN_FLIGHT);
  });

  it('sends on after 20 ms if only pollTransmit is called', () => {
    const node = loaded(5000);
    node.transmit();
    node.now += 20;
    expect(node.transmit().length).toBe(IN_FLIGHT);
  });

  it('does not wait if every peer was silent for three seconds', () => {
    const node = connectedNode({ ackWindowSize: WINDOW });
    node.advance(3000);
    node.transmit();
    node.beginMany(5000);
    expect(node.transmit().length).toBe(5000);
    expect(node.transmission).toBe(TransmitResult.DONE);
  });

  it('does not hold back control messages', () => {
    const node = loaded(5000);
    node.transmit();
    receiveMany(node, 1, 3, WINDOW);
    node.engine.requestResync();
    expect(node.transmitBrief()).toEqual([`ACK 1-${WINDOW}`, 'RESYNC']);
  });

  it('has no timeout in the past after the waiting records were flushed', () => {
    const node = loaded(5000);
    node.transmit();
    node.replica.cached.flows.flush();
    node.advance(25);
    expect(node.transmit()).toEqual([]);
    expect(node.engine.pollTimeout()).toBeGreaterThan(node.now);
  });

  it('works across the end of 32 bits', () => {
    const node = connectedNode({ ackWindowSize: WINDOW, first: 0xffff_fff0 });
    node.beginMany(5000);
    node.receive(alive(1));
    node.receive(ack(2, 0xffff_ffee, 0xffff_ffef));
    const sent = node.transmit();
    expect(sent.length).toBe(IN_FLIGHT);
    node.receive(ack(3, sent[0]!.sequence, sent[IN_FLIGHT - 1]!.sequence));
    expect(node.transmit().length).toBe(IN_FLIGHT);
  });
});
