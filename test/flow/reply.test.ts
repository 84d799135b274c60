import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Protocol } from '../../src/flow/protocol.ts';
import { icmpReplyType, replyOf, withReply } from '../../src/flow/reply.ts';
import { ESTABLISHED, tcpTuple } from './sample.ts';

describe('the reply tuple', () => {
  const original = tcpTuple('192.168.1.2', '203.0.113.9', 40_000, 80);

  it('exchanges the two ends', () => {
    expect(replyOf(original)).toEqual(tcpTuple('203.0.113.9', '192.168.1.2', 80, 40_000));
  });

  it('answers to where source NAT moved the client', () => {
    const reply = replyOf(original, { address: '198.51.100.1', port: 61_000 });
    expect(reply).toEqual(tcpTuple('203.0.113.9', '198.51.100.1', 80, 61_000));
  });

  it('keeps the port where only the address was translated', () => {
    expect(replyOf(original, { address: '198.51.100.1' }).ports).toEqual({ source: 80, destination: 40_000 });
  });

  it('comes from where destination NAT moved the server', () => {
    const reply = replyOf(original, undefined, { address: '10.0.0.5', port: 8080 });
    expect(reply).toEqual(tcpTuple('10.0.0.5', '192.168.1.2', 8080, 40_000));
  });

  it('answers an ICMP query with its answer, under the same identifier', () => {
    const echo = { family: 4, source: '1.1.1.1', destination: '2.2.2.2', protocol: Protocol.ICMP } as const;
    const reply = replyOf({ ...echo, icmp: { type: 8, code: 0, id: 7 } }, { address: '9.9.9.9', port: 0 });
    expect(reply).toEqual({
      family: 4,
      source: '2.2.2.2',
      destination: '9.9.9.9',
      protocol: Protocol.ICMP,
      icmp: { type: 0, code: 0, id: 7 },
    });
  });

  it.each([
    [Protocol.ICMP, 8, 0],
    [Protocol.ICMP, 13, 14],
    [Protocol.ICMP, 15, 16],
    [Protocol.ICMP, 17, 18],
    [Protocol.ICMPV6, 128, 129],
    [Protocol.ICMPV6, 139, 140],
  ])('protocol %i: type %i is answered by %i, and the other way round', (protocol, query, answer) => {
    expect(icmpReplyType(protocol, query)).toBe(answer);
    expect(icmpReplyType(protocol, answer)).toBe(query);
  });

  it('gives 255 to a type without an answer', () => {
    expect(icmpReplyType(Protocol.ICMP, 3)).toBe(255);
    expect(icmpReplyType(Protocol.ICMPV6, 8)).toBe(255);
  });

  it('answered again is the original', () => {
    const port = fc.integer({ min: 0, max: 65_535 });
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), port, port, (source, destination, from, to) => {
        const tuple = tcpTuple(source, destination, from, to);
        expect(replyOf(replyOf(tuple))).toEqual(tuple);
      }),
    );
  });

  it('is left alone where the flow has one', () => {
    const known = { ...ESTABLISHED, reply: tcpTuple('9.9.9.9', '8.8.8.8', 9, 8) };
    expect(withReply(known)).toBe(known);
  });
});
