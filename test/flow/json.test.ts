import { describe, expect, it } from 'vitest';
import { expectationJson, flowDumpJson, flowJson } from '../../src/flow/json.ts';
import { ESTABLISHED, tcpTuple } from './sample.ts';

describe('JSON', () => {
  it('has all of a flow, names beside the numbers', () => {
    const flow = { ...ESTABLISHED, labels: [1, 0], helper: 'f"t\np' };
    expect(JSON.parse(flowJson(flow))).toEqual({
      protocol: 'tcp',
      state: 'ESTABLISHED',
      statusBits: ['SEEN_REPLY', 'ASSURED', 'CONFIRMED'],
      ...flow,
    });
  });

  it('is one line, with the age', () => {
    const line = flowDumpJson({ ...ESTABLISHED, helper: 'a\nb' }, { active: 4, expires: 5 });
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(JSON.parse(line)).toMatchObject({ active: 4, expires: 5, helper: 'a\nb' });
  });

  it('names the state of SCTP by SCTP', () => {
    const { tcp: _, ...rest } = ESTABLISHED;
    expect(JSON.parse(flowJson({ ...rest, sctp: { state: 7 } }))).toMatchObject({
      state: 'SHUTDOWN_ACK_SENT',
    });
  });

  it('has all of an expectation', () => {
    const expectation = {
      expected: tcpTuple('10.0.0.1', '10.0.0.2', 0, 1025),
      master: tcpTuple('10.0.0.2', '10.0.0.1', 40_000, 21),
      flags: 5,
    };
    expect(JSON.parse(expectationJson(expectation))).toEqual({
      protocol: 'tcp',
      flagBits: ['PERMANENT', 'USERSPACE'],
      ...expectation,
    });
  });
});
