import { describe, expect, test } from 'vitest';
import { configurationText } from '../../sim/netns/configuration.ts';
import { parseFlowLine, parseFlowTable, tcpLoad, until } from '../../sim/netns/lab.ts';

describe('a line of a flow', () => {
  test('from the kernel: timeout, state, both tuples, flags, attributes, counters', () => {
    const line =
      'ipv4     2 tcp      6 431999 ESTABLISHED src=192.168.10.10 dst=203.0.113.10 sport=36348 dport=7000 packets=2 ' +
      'bytes=112 src=203.0.113.10 dst=203.0.113.1 sport=7000 dport=40001 packets=1 bytes=60 [ASSURED] mark=5 zone=7 use=1';
    expect(parseFlowLine(line)).toEqual({
      protocol: 'tcp',
      protocolNumber: 6,
      timeout: 431999,
      state: 'ESTABLISHED',
      original: { src: '192.168.10.10', dst: '203.0.113.10', sport: '36348', dport: '7000' },
      reply: { src: '203.0.113.10', dst: '203.0.113.1', sport: '7000', dport: '40001' },
      counters: [
        { packets: 2, bytes: 112 },
        { packets: 1, bytes: 60 },
      ],
      flags: ['ASSURED'],
      attributes: { mark: '5', zone: '7', use: '1' },
      text:
        'tcp 6 ESTABLISHED src=192.168.10.10 dst=203.0.113.10 sport=36348 dport=7000 ' +
        'src=203.0.113.10 dst=203.0.113.1 sport=7000 dport=40001 [ASSURED] mark=5 zone=7',
    });
  });

  test('from a cache: the same flow has the same text, without its age', () => {
    const kernel =
      'ipv4 2 icmp 1 29 src=1.1.1.1 dst=2.2.2.2 type=8 code=0 id=9 [UNREPLIED] mark=0 use=2 id=12345';
    const cache =
      'icmp     1 src=1.1.1.1 dst=2.2.2.2 type=8 code=0 id=9 [UNREPLIED] mark=0 [active since 12s]';
    expect(parseFlowLine(cache)?.text).toBe(parseFlowLine(kernel)?.text);
    expect(parseFlowLine(kernel)?.original.id).toBe('9');
    expect(parseFlowLine(kernel)?.attributes.id).toBe('12345');
  });

  test('is none where the text is something else', () => {
    expect(parseFlowTable('conntrack v1.4.7 (conntrack-tools): 2 flow entries\n\nnothing here\n')).toEqual(
      [],
    );
  });
});

describe('a load', () => {
  test('has no flow twice, and joins another one without overlap', () => {
    const lines = [...tcpLoad(70_000), ...tcpLoad(10, { first: 70_000 })];
    expect(new Set(lines).size).toBe(70_010);
    expect(() => tcpLoad(-1)).toThrow('out of range');
  });
});

describe('a configuration', () => {
  const paths = {
    directory: '/d',
    configuration: '/d/conf',
    lockFile: '/d/lock',
    logFile: '/d/log',
    statsLogFile: '/d/stats',
    runDirectory: '/d/run',
    controlSocket: '/d/ctl',
  };

  test('mirrors the addresses of both sides and names a default among redundant links', () => {
    const a = configurationText(
      { side: 'a', syncLinks: 2, paths },
      { transport: 'UDP', inMode: ['ACKWindowSize 20'] },
    );
    expect(a).toContain('Mode FTFW {\n    ACKWindowSize 20\n  }');
    expect(a.match(/UDP Default \{/g)).toHaveLength(1);
    expect(a).toContain('IPv4_address 10.99.0.1\n    IPv4_Destination_Address 10.99.0.2');
    const b = configurationText({ side: 'b', syncLinks: 2, paths }, { transport: 'UDP' });
    expect(b).toContain('IPv4_address 10.99.1.2\n    IPv4_Destination_Address 10.99.1.1');
  });

  test('may be given as it is', () => {
    expect(configurationText({ side: 'b', syncLinks: 1, paths }, ({ side }) => `for ${side}`)).toBe('for b');
  });
});

describe('waiting for a condition', () => {
  test('hands back its answer as soon as it has one', async () => {
    let asked = 0;
    expect(await until('the third question', () => ++asked === 3 && 'here', 1_000, 1)).toBe('here');
  });

  test('reports what was waited for, and the last answer or error', async () => {
    await expect(until('rain', () => undefined, 20, 5)).rejects.toThrow(
      'rain: not within 20 ms (last answer: undefined)',
    );
    const failing = () => {
      throw new Error('clear sky');
    };
    await expect(until('rain', failing, 20, 5)).rejects.toThrow(
      'rain: not within 20 ms (last error: clear sky)',
    );
  });
});
