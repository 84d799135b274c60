import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Expectation } from '../../src/flow/expectation.ts';
import { Protocol } from '../../src/flow/protocol.ts';
import { withReply } from '../../src/flow/reply.ts';
import { Status } from '../../src/flow/status.ts';
import {
  expectationDumpLine,
  expectationText,
  expectationTextWithTimeout,
  flowDumpLine,
  flowText,
  flowTextWithTimeout,
  internalDumpLine,
} from '../../src/flow/text.ts';
import { ESTABLISHED, tcpTuple } from './sample.ts';

const UDP = {
  family: 4,
  source: '1.1.1.1',
  destination: '2.2.2.4',
  protocol: Protocol.UDP,
  ports: { source: 1, destination: 6 },
} as const;

describe('a flow as text', () => {
  it('has no second tuple where the reply is not known', () => {
    expect(flowText(ESTABLISHED)).toBe(
      'tcp      6 ESTABLISHED src=1.1.1.1 dst=2.2.2.3 sport=1 dport=2 [ASSURED] mark=77',
    );
  });

  it('shows the reply where it is known', () => {
    expect(flowText(withReply(ESTABLISHED))).toBe(
      'tcp      6 ESTABLISHED src=1.1.1.1 dst=2.2.2.3 sport=1 dport=2 ' +
        'src=2.2.2.3 dst=1.1.1.1 sport=2 dport=1 [ASSURED] mark=77',
    );
  });

  it('marks what nobody has answered', () => {
    expect(flowText({ original: UDP, status: Status.CONFIRMED, mark: 0, zone: 5, helper: 'tftp' })).toBe(
      'udp      17 src=1.1.1.1 dst=2.2.2.4 sport=1 dport=6 [UNREPLIED] mark=0 zone=5 helper=tftp',
    );
  });

  it('shows the timeout only when asked to', () => {
    const flow = { original: UDP, status: Status.SEEN_REPLY, timeout: 30 };
    expect(flowText(flow)).toBe('udp      17 src=1.1.1.1 dst=2.2.2.4 sport=1 dport=6');
    expect(flowTextWithTimeout(flow)).toBe('udp      17 30 src=1.1.1.1 dst=2.2.2.4 sport=1 dport=6');
  });

  it.each([
    [Status.HW_OFFLOAD | Status.OFFLOAD | Status.ASSURED, '[HW_OFFLOAD]'],
    [Status.OFFLOAD | Status.ASSURED, '[OFFLOAD]'],
    [Status.ASSURED, '[ASSURED]'],
  ])('status %i shows as %s alone', (status, shown) => {
    expect(flowText({ ...ESTABLISHED, status: status | Status.SEEN_REPLY })).toBe(
      `tcp      6 ESTABLISHED src=1.1.1.1 dst=2.2.2.3 sport=1 dport=2 ${shown} mark=77`,
    );
  });

  it.each([
    [
      Protocol.GRE,
      { ports: { source: 0x1234, destination: 0x5678 } },
      'gre      47',
      ' srckey=0x1234 dstkey=0x5678',
    ],
    [Protocol.GRE, {}, 'gre      47', ' srckey=0x0 dstkey=0x0'],
    [Protocol.UDPLITE, {}, 'udplite  136', ' sport=0 dport=0'],
    [Protocol.ICMP, { icmp: { type: 8, code: 0, id: 1234 } }, 'icmp     1', ' type=8 code=0 id=1234'],
    [Protocol.ICMPV6, {}, 'icmpv6   58', ' type=0 code=0 id=0'],
    [99, {}, 'unknown  99', ''],
  ])('protocol %i with %j', (protocol, ends, head, tail) => {
    const original = { family: 4, source: '1.1.1.1', destination: '2.2.2.2', protocol, ...ends } as const;
    expect(flowText({ original })).toBe(`${head} src=1.1.1.1 dst=2.2.2.2${tail}`);
  });

  it('takes a state without a name for the first', () => {
    expect(flowText({ ...ESTABLISHED, tcp: { state: 200 } })).toMatch(/^tcp {6}6 NONE src=/);
  });

  it('shows a zone of one direction', () => {
    const flow = { ...ESTABLISHED, original: { ...ESTABLISHED.original, zone: 5 } };
    expect(flowText(flow)).toContain(' dport=2 zone-orig=5 [ASSURED]');
  });

  it('shows the age in a dump, and the lapse where there is one', () => {
    expect(flowDumpLine(ESTABLISHED, { active: 12 })).toBe(`${flowText(ESTABLISHED)} [active since 12s]\n`);
    expect(flowDumpLine(ESTABLISHED, { active: 12, expires: 168 })).toBe(
      `${flowText(ESTABLISHED)} [expires in 168s] [active since 12s]\n`,
    );
  });

  it('shows in a dump of the internal cache the reply too', () => {
    expect(internalDumpLine(ESTABLISHED, { active: 1 })).toBe(
      flowDumpLine(withReply(ESTABLISHED), { active: 1 }),
    );
  });

  it('stays one line whatever name the peer sent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (helper) => {
        expect(flowText({ ...ESTABLISHED, helper })).toMatch(/^[ -~]*$/);
      }),
    );
  });
});

describe('an expectation as text', () => {
  const expectation: Expectation = {
    expected: tcpTuple('10.0.0.1', '10.0.0.2', 0, 1025),
    mask: tcpTuple('255.255.255.255', '255.255.255.255', 0, 65_535),
    master: tcpTuple('10.0.0.2', '10.0.0.1', 40_000, 21),
    timeout: 299,
    flags: 0,
    class: 0,
    helper: 'ftp',
  };
  const body =
    'proto=6 src=10.0.0.1 dst=10.0.0.2 sport=0 dport=1025 ' +
    'mask-src=255.255.255.255 mask-dst=255.255.255.255 sport=0 dport=65535 ' +
    'master-src=10.0.0.2 master-dst=10.0.0.1 sport=40000 dport=21 ';

  it('shows expected, mask and master, in that order', () => {
    expect(expectationText(expectation)).toBe(`${body}class=0 helper=ftp`);
    expect(expectationTextWithTimeout(expectation)).toBe(`299 ${body}class=0 helper=ftp`);
    expect(expectationDumpLine(expectation, { active: 3 })).toBe(
      `${body}class=0 helper=ftp [active since 3s]\n`,
    );
  });

  it.each([
    [1, 'PERMANENT '],
    [3, 'PERMANENT,INACTIVE '],
    [6, 'INACTIVE,USERSPACE '],
    [7, 'PERMANENT,INACTIVE,USERSPACE '],
    [8, ' '],
  ])('flags %i', (flags, shown) => {
    expect(expectationText({ ...expectation, flags })).toBe(`${body}${shown}class=0 helper=ftp`);
  });

  it('ends in no space where there is no helper', () => {
    const { helper: _, class: __, ...plain } = expectation;
    expect(expectationText(plain)).toBe(body.trimEnd());
  });
});
