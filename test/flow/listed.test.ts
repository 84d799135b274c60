import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { listFlow } from '../../src/flow/listed/from-flow.ts';
import { IdleClock } from '../../src/flow/listed/idle.ts';
import { flowOf, ListedFlow } from '../../src/flow/listed/listed-flow.ts';
import { parseFlowLine } from '../../src/flow/listed/parse-line.ts';
import { Status } from '../../src/flow/status.ts';
import { flowTextWithTimeout } from '../../src/flow/text.ts';

const LINES = [
  'tcp      6 431999 ESTABLISHED src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2 src=2.2.2.2 dst=9.9.9.9 sport=2 dport=3 [ASSURED] mark=4294967295 zone=3 helper=ftp',
  'udp      17 29 src=fd00::1 dst=fd00::2 sport=1 dport=2 [UNREPLIED] src=fd00::2 dst=fd00::1 sport=2 dport=1 mark=0',
  'icmp     1 src=1.1.1.1 dst=2.2.2.2 type=8 code=0 id=5 src=2.2.2.2 dst=1.1.1.1 type=0 code=0 id=5',
  'sctp     132 9 COOKIE_WAIT src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2 src=2.2.2.2 dst=1.1.1.1 sport=2 dport=1 mark=0',
  'gre      47 9 src=1.1.1.1 dst=2.2.2.2 srckey=0xb dstkey=0xc src=2.2.2.2 dst=1.1.1.1 srckey=0xc dstkey=0xb mark=0',
  'unknown  50 9 src=1.1.1.1 dst=2.2.2.2 src=2.2.2.2 dst=1.1.1.1 mark=0',
  'tcp      6 ESTABLISHED src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2 zone-orig=7 src=2.2.2.2 dst=1.1.1.1 sport=2 dport=1 [OFFLOAD] mark=0',
  'udp      17 src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2 mark=0',
];

function listed(line: string): ListedFlow {
  const flow = new ListedFlow();
  listFlow(parseFlowLine(line)!, flow);
  return flow;
}

test.each(LINES)('%s is read, listed, and printed again', (line) => {
  // The zone of a direction is of the kernel's listings alone.
  const expected = line.replace('zone-orig=7 ', '');
  expect(flowTextWithTimeout(flowOf(listed(line)))).toBe(expected);
  expect(flowTextWithTimeout(flowOf(listed(`${line} [active since 12s]`)))).toBe(expected);
});

test('the two directions of a line tell its translations', () => {
  expect(listed(LINES[0]!).status & (Status.SRC_NAT | Status.DST_NAT)).toBe(Status.SRC_NAT);
  expect(listed(LINES[1]!).status & (Status.SRC_NAT | Status.DST_NAT)).toBe(0);
});

test('any other text is no flow, and nothing breaks', () => {
  for (const text of ['', 'tcp', 'tcp 6', 'tcp 999 src=1.1.1.1 dst=2.2.2.2', 'tcp 6 src=1.1.1.1'])
    expect(parseFlowLine(text)).toBeUndefined();
  fc.assert(fc.property(fc.string(), (text) => void parseFlowLine(`tcp 6 ${text}`)));
});

describe('idle time', () => {
  const settings: Readonly<Record<string, number>> = {
    tcp_timeout_established: 432_000,
    tcp_timeout_syn_sent: 120,
    tcp_timeout_close: 10,
    tcp_timeout_unacknowledged: 300,
    tcp_timeout_max_retrans: 300,
    udp_timeout: 30,
    udp_timeout_stream: 120,
    gre_timeout_stream: 180,
    generic_timeout: 600,
  };
  const clock = new IdleClock((name) => settings[name]);
  const idle = (head: string, status: number) => {
    const flow = listed(`${head} src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2`);
    flow.status = status;
    return clock.secondsOf(flow);
  };
  const { SEEN_REPLY, ASSURED, OFFLOAD, FIXED_TIMEOUT } = Status;

  test.each([
    ['tcp 6 431000 ESTABLISHED', ASSURED, 1000],
    ['tcp 6 301 ESTABLISHED', ASSURED, 431_699],
    ['tcp 6 300 ESTABLISHED', ASSURED, -1],
    ['tcp 6 100 SYN_SENT', 0, 20],
    ['tcp 6 100 SYN_SENT2', 0, 20],
    ['tcp 6 9 CLOSE', SEEN_REPLY, 1],
    ['tcp 6 11 CLOSE', SEEN_REPLY, -1],
    ['tcp 6 100 FIN_WAIT', SEEN_REPLY, -1],
    ['tcp 6 431000', ASSURED | OFFLOAD, -1],
    ['tcp 6 431000 ESTABLISHED', ASSURED | FIXED_TIMEOUT, -1],
    ['udp 17 20', 0, 10],
    ['udp 17 20', SEEN_REPLY, 10],
    ['udp 17 20', SEEN_REPLY | ASSURED, 100],
    ['gre 47 170', SEEN_REPLY | ASSURED, 10],
    ['unknown 50 590', 0, 10],
    ['udp 17', 0, -1],
  ])('of %s, status %i: %i s', (head, status, seconds) => {
    expect(idle(head, status)).toBe(seconds);
  });
});
