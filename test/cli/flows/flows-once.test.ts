import { describe, expect, test } from 'vitest';
import { FlowsOnce } from '../../../src/cli/flows/flows-once.ts';
import { ListedFlow } from '../../../src/flow/listed/listed-flow.ts';

function flow(id: number, port: number): ListedFlow {
  const made = new ListedFlow();
  made.id = id;
  made.original.sourcePort = port;
  return made;
}

describe('flows of a table that is read again', () => {
  test('are taken once, and those that were not there before are taken', () => {
    const once = new FlowsOnce();
    const COUNT = 5000;
    for (let id = 0; id < COUNT; id++) expect(once.isAgain(flow(id, 7))).toBe(false);
    once.restarted();
    for (let id = 0; id < COUNT; id++) expect(once.isAgain(flow(id, 7))).toBe(true);
    expect(once.isAgain(flow(COUNT, 7))).toBe(false);
    once.restarted();
    expect(once.isAgain(flow(COUNT, 7))).toBe(true);
  });

  test('are two where they share an identifier', () => {
    const once = new FlowsOnce();
    once.isAgain(flow(1, 1000));
    once.restarted();
    expect(once.isAgain(flow(1, 1001))).toBe(false);
  });
});
