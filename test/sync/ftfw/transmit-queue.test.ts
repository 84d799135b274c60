import { describe, expect, it } from 'vitest';
import { ack, nack } from '../../../sim/fuzz/messages.ts';
import { TransmitResult } from '../../../src/sync/engine.ts';
import { SlotState } from '../../../src/table/record-table.ts';
import { MessageType } from '../../../src/wire/header.ts';
import { record } from '../../table/records.ts';
import { connectedNode, receiveMany } from '../node.ts';

const { CT_NEW } = MessageType;

describe('FT-FW: the transmit queue', () => {
  it('sends a record once, however often it changed before', () => {
    const node = connectedNode();
    node.begin(1);
    node.update(1, { mark: 1 });
    node.update(1, { mark: 2 });
    const messages = node.transmit();
    expect(messages.map(({ record }) => record)).toEqual([
      Buffer.from(record(1, { mark: 2 })).toString('hex'),
    ]);
  });

  it('sends a flow that replaced another as NEW until the peer has it, however often it changes', () => {
    const node = connectedNode();
    node.begin(1, { mark: 7 });
    node.transmit();
    node.end(1);
    node.begin(1);
    node.update(1, { tcp: { state: 3 } });
    expect(node.transmitBrief()).toEqual(['NEW']);
    node.update(1, { tcp: { state: 4 } });
    expect(node.transmitBrief()).toEqual(['NEW']);
    node.receive(ack(1, 999, 1002));
    node.update(1, { tcp: { state: 5 } });
    expect(node.transmitBrief()).toEqual(['UPD']);
  });

  it('stops when the budget is used up, and continues there', () => {
    const node = connectedNode();
    node.beginMany(5);
    expect(node.transmit(2).length).toBe(2);
    expect(node.transmission).toBe(TransmitResult.MORE);
    expect(node.transmit(3).length).toBe(3);
    expect(node.transmission).toBe(TransmitResult.DONE);
    expect(node.transmit()).toEqual([]);
  });

  it('sends control messages before records', () => {
    const node = connectedNode();
    node.beginMany(3);
    receiveMany(node, 1, 50, 300);
    node.engine.requestResync();
    expect(node.transmitBrief()).toEqual(['ACK 50-349', 'RESYNC', 'NEW', 'NEW', 'NEW']);
  });

  it('forgets all records of a flushed cache, queued or kept', () => {
    const node = connectedNode();
    node.beginMany(4);
    node.transmit(2);
    node.end(0);
    node.engine.requestResync();
    node.replica.cached.flows.flush();
    expect(node.flows.table.size).toBe(0);
    expect(node.transmitBrief()).toEqual(['RESYNC']);
    node.receive(nack(1, 1000, 1001));
    expect(node.transmitBrief()).toEqual([]);
    expect(node.engine.queues.resendLength).toBe(2);
  });

  it('does not confuse a flow with the one that had its slot before', () => {
    const node = connectedNode();
    node.begin(1);
    node.end(1);
    node.transmit();
    const { table } = node.flows;
    node.receive(ack(1, 1000, 1000));
    expect(table.size).toBe(0);
    node.begin(2);
    expect(table.stateOf(0)).toBe(SlotState.NEW);
    node.receive(nack(2, 1000, 1000));
    expect(node.transmit().map(({ type, sequence }) => [type, sequence])).toEqual([[CT_NEW, 1001]]);
    // An ACK of the number of the first flow does not release the second.
    node.receive(ack(3, 1000, 1000));
    node.end(2);
    expect(node.transmitBrief()).toEqual(['DEL']);
    expect(table.size).toBe(1);
    node.receive(ack(4, 1001, 1002));
    expect(table.size).toBe(0);
  });
});
