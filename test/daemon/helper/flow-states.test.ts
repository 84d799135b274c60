import { expect, it } from 'vitest';
import { FlowStates } from '../../../src/daemon/helper/flow-states.ts';
import type { QueuedFlow } from '../../../src/kernel/userspace-helper/queued-packet.ts';

function flow(id: number, port = 1000): QueuedFlow {
  const tuple = {
    family: 4 as const,
    source: '10.0.0.1',
    destination: '10.0.0.2',
    protocol: 6,
    ports: { source: port, destination: 21 },
  };
  return { original: tuple, reply: tuple, status: 0, id, helper: 'ftp', zone: undefined };
}

it('keeps one state for each flow, and forgets the one that was used longest ago', () => {
  const states = new FlowStates(2);
  const first = states.of(flow(1), () => ({ name: 'first' }));
  const second = states.of(flow(2), () => ({ name: 'second' }));
  expect(states.of(flow(1), () => ({ name: 'other' }))).toBe(first);
  states.of(flow(3), () => ({ name: 'third' }));
  expect(states.size).toBe(2);
  expect(states.forgotten).toBe(1);
  expect(states.of(flow(1), () => ({ name: 'other' }))).toBe(first);
  expect(states.of(flow(2), () => ({ name: 'anew' }))).not.toBe(second);
});

it('gives a flow with the id of an older one a state of its own', () => {
  const states = new FlowStates(8);
  const old = states.of(flow(1, 1000), () => ({}));
  expect(states.of(flow(1, 1001), () => ({}))).not.toBe(old);
});
