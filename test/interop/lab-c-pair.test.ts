import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type ConfigurationOptions,
  type Lab,
  missingForLab,
  type Namespace,
  sampleFlows,
  type TcpConnection,
  tcpLoad,
  type UdpFlow,
  udpDatagrams,
  until,
  withLab,
} from '../../sim/netns/lab.ts';

/** Long enough for several retransmissions, short enough to wait for a failure that must come. */
const HOPELESS = 1_500;

beforeAll(() => {
  expect(missingForLab(['conntrackd', 'tcpdump'])).toEqual([]);
});

interface Established {
  readonly tcp: TcpConnection;
  readonly udp: UdpFlow;
}

async function establish(lab: Lab, configuration: ConfigurationOptions): Promise<Established> {
  await lab.startNodes({ a: { configuration }, b: { configuration } });
  const [tcp, udp] = await Promise.all([lab.connect(), lab.openUdp()]);
  expect(await tcp.exchange()).toMatchObject({ ok: true, number: 1 });
  expect(await udp.exchange()).toMatchObject({ ok: true, number: 1 });
  expect(udp.translated.address).toBe('203.0.113.1');
  expect(udp.translated.port).toBeGreaterThanOrEqual(30_000);
  await lab.replicated(tcp, udp);
  return { tcp, udp };
}

describe.each(['UDP', 'Multicast'] as const)('two C nodes, FT-FW over %s', (transport) => {
  const configuration = { mode: 'FTFW', transport } as const;
  const options = { translatedPorts: [30_000, 39_999] } as const;

  test('connections outlive the primary when the backup commits', async () => {
    await withLab(options, async (lab) => {
      const { tcp, udp } = await establish(lab, configuration);
      await lab.failover({ commit: true });
      expect(lab.a.node().running()).toBe(false);
      expect(lab.active()).toBe(lab.b);
      expect(await tcp.exchange()).toMatchObject({ ok: true, number: 2 });
      expect(await udp.exchange()).toMatchObject({ ok: true, number: 2 });
    });
  });

  test('connections break when the backup does not commit, for want of the state and of nothing else', async () => {
    await withLab(options, async (lab) => {
      const { tcp, udp } = await establish(lab, configuration);
      await lab.failover({ commit: false });
      const [overTcp, overUdp] = await Promise.all([tcp.exchange(HOPELESS), udp.exchange(HOPELESS)]);
      expect(overTcp).toMatchObject({ ok: false, reason: `no answer within ${HOPELESS} ms` });
      expect(overUdp).toMatchObject({ ok: false, reason: `no answer within ${HOPELESS} ms` });

      // The way through B is open: a new connection comes about.
      const fresh = await lab.connect();
      expect(await fresh.exchange()).toMatchObject({ ok: true });
      // And the state is all that was missing: the same connections go on once it is there.
      await lab.becomePrimary(lab.b);
      expect(await tcp.exchange(10_000)).toMatchObject({ ok: true });
      expect(await udp.exchange()).toMatchObject({ ok: true });
    });
  });
});

describe('the load maker', () => {
  test('20,000 flows in the kernel of A arrive complete in the external cache of B', async () => {
    await withLab({}, async (lab) => {
      await lab.startNodes();
      await lab.a.load(tcpLoad(20_000));
      expect(await lab.a.flowCount()).toBe(20_000);
      await lab.b.node().untilSize('external', 20_000);
      const [kernel, cache] = await Promise.all([lab.a.flows(), lab.b.node().cache('external')]);
      const originals = (flows: typeof kernel) =>
        flows.map((flow) => Object.values(flow.original).join(' ')).sort();
      expect(new Set(originals(kernel)).size).toBe(20_000);
      expect(originals(cache)).toEqual(originals(kernel));
      expect(cache.every((flow) => flow.state === 'ESTABLISHED' && flow.flags.includes('ASSURED'))).toBe(
        true,
      );
    });
  });

  test('the kernel takes every sample flow, and a C node sees all of them', async () => {
    await withLab({}, async (lab) => {
      await lab.startNodes();
      const samples = sampleFlows();
      for (const sample of samples) await lab.a.conntrack(...sample.arguments);
      expect(await lab.a.flowCount()).toBe(samples.length);
      await lab.a.node().untilSize('internal', samples.length);
      const [kernel, cache] = await Promise.all([lab.a.flows(), lab.a.node().cache('internal')]);
      expect(cache.map((flow) => flow.text)).toEqual(kernel.map((flow) => flow.text));
      expect(new Set(kernel.map((flow) => flow.protocol))).toEqual(
        new Set(['tcp', 'udp', 'udplite', 'icmp', 'icmpv6', 'sctp', 'gre']),
      );
    });
  });
});

describe('the laboratory', () => {
  test('carries IPv6, TCP and UDP, through a failover', async () => {
    await withLab({ translatedPorts: [30_000, 39_999] }, async (lab) => {
      await lab.startNodes();
      const [tcp, udp] = await Promise.all([lab.connect({ family: 6 }), lab.openUdp({ family: 6 })]);
      await lab.replicated(tcp, udp);
      expect(udp.translated.address).toBe('2001:db8:20::1');
      await lab.failover({ commit: true });
      expect(await tcp.exchange()).toMatchObject({ ok: true });
      expect(await udp.exchange()).toMatchObject({ ok: true });
    });
  });

  test('lets a dead firewall come back as backup, and take over again', async () => {
    await withLab({}, async (lab) => {
      await lab.startNodes();
      const tcp = await lab.connect();
      await lab.replicated(tcp);
      await lab.failover({ commit: true });
      expect(await tcp.exchange()).toMatchObject({ ok: true });
      await lab.a.setLinks('up', 'in0', 'out0');
      await lab.a.conntrack('-F');
      await lab.a.start();
      await lab.becomeBackup(lab.a);
      await lab.replicated(tcp);
      await lab.failover({ commit: true });
      expect(lab.active()).toBe(lab.a);
      expect(await tcp.exchange()).toMatchObject({ ok: true });
    });
  });

  test('moves the addresses away and back while both firewalls live', async () => {
    await withLab({}, async (lab) => {
      await lab.startNodes();
      const tcp = await lab.connect();
      await lab.replicated(tcp);
      await lab.moveAddresses('b');
      await lab.becomePrimary(lab.b);
      await lab.becomeBackup(lab.a);
      expect(await tcp.exchange()).toMatchObject({ ok: true });
      await lab.moveAddresses('a');
      await lab.becomePrimary(lab.a);
      expect(await tcp.exchange()).toMatchObject({ ok: true });
    });
  });

  test('has real expectations of the FTP helper', async () => {
    await withLab({ ftp: true }, async (lab) => {
      const configuration = { inOptions: ['ExpectationSync on'] };
      await lab.startNodes({ a: { configuration }, b: { configuration } });
      const control = await lab.connect({ port: 21 });
      // The helper trusts a command only after it has seen a line end.
      await control.exchange();
      expect(await control.say('PORT 192,168,10,10,20,21')).toBe('PORT 203,0,113,1,20,21');
      const expectations = await until('an expectation at B', async () => {
        const lines = await lab.b.node().expectations('external');
        return lines.length > 0 ? lines : undefined;
      });
      expect(expectations).toHaveLength(1);
      expect(expectations[0]).toContain('dport=5141');
      expect(expectations[0]).toContain('helper=ftp');
    });
  });

  test('labels flows, and their labels outlive the primary', async () => {
    const rules = `
table inet watching {
  counter labelled { }
  chain passing {
    type filter hook forward priority -1; policy accept;
    ct label 3 counter name "labelled"
  }
}
`;
    await withLab({ label: 3, rules }, async (lab) => {
      const labelled = async (namespace: Namespace) => {
        const text = await namespace.must('nft', ['list', 'counter', 'inet', 'watching', 'labelled']);
        return Number(/packets (\d+)/.exec(text)?.[1]);
      };
      await lab.startNodes();
      const tcp = await lab.connect();
      await lab.replicated(tcp);
      expect(await labelled(lab.a.namespace)).toBeGreaterThan(0);
      // The rule set labels new flows only, and to B this one comes as established.
      await lab.failover({ commit: true });
      expect(await labelled(lab.b.namespace)).toBe(0);
      expect(await tcp.exchange()).toMatchObject({ ok: true });
      expect(await labelled(lab.b.namespace)).toBeGreaterThan(0);
    });
  });

  test('runs any program that takes the arguments, as node and as client', async () => {
    await withLab({}, async (lab) => {
      const program = { command: 'env', args: ['--', '/usr/sbin/conntrackd'], env: { LAB: 'yes' } };
      const node = await lab.a.start({ program, daemonize: true });
      expect(readFileSync(`/proc/${node.pid}/environ`, 'latin1')).toContain('LAB=yes');
      expect(readFileSync(`/proc/${node.pid}/comm`, 'latin1')).toBe('conntrackd\n');
      expect(await node.command('-s', 'runtime')).toContain('daemon uptime');
      const other = await node.client(['-i'], { program: { command: 'echo', args: ['another', 'client'] } });
      expect(other.stdout).toBe(`another client -C ${node.paths.configuration} -i\n`);
      expect(node.residentBytes()).toBeGreaterThan(100_000);
      expect(node.cpuSeconds()).toBeGreaterThanOrEqual(0);
      await node.stop();
      expect(node.running()).toBe(false);
      await expect(node.command('-s')).rejects.toThrow('the node is not running');
      expect(node.log()).toContain('shutdown received');
    });
  });

  test('loses messages on the sync link as configured, counts them, and FT-FW recovers them', async () => {
    await withLab({}, async (lab) => {
      await lab.startNodes();
      await lab.settled();
      const loss = await lab.b.lose(30);
      await lab.a.load(tcpLoad(3_000));
      expect(await until('something lost', () => loss.dropped())).toBeGreaterThan(0);
      await loss.stop();
      await lab.b.node().untilSize('external', 3_000, 20_000);
    });
  });

  test('captures the sync link whole', async () => {
    await withLab({}, async (lab) => {
      const capture = await lab.capture(0, 'udp port 3780');
      await lab.startNodes();
      await lab.a.load(tcpLoad(500));
      await lab.b.node().untilSize('external', 500);
      const datagrams = udpDatagrams(await capture.stop());
      expect(new Set(datagrams.map(({ source }) => source))).toEqual(new Set(['10.99.0.1', '10.99.0.2']));
      const messages = datagrams.flatMap(({ payload }) => messageTypes(payload));
      expect(messages.filter((type) => type <= 1).length).toBeGreaterThanOrEqual(500);
    });
  });

  test('takes over to a redundant sync link', async () => {
    await withLab({ syncLinks: 2 }, async (lab) => {
      await lab.startNodes();
      await lab.a.load(tcpLoad(1));
      await lab.b.node().untilSize('external', 1);
      await lab.a.setLinks('down', 'sync0');
      await lab.a.load(tcpLoad(100, { first: 1 }));
      await lab.b.node().untilSize('external', 101);
    });
  });

  test.each([
    { mode: 'NOTRACK', transport: 'Multicast', family: 6 },
    { mode: 'ALARM', transport: 'UDP', family: 6 },
    { mode: 'FTFW', transport: 'TCP', family: 4, inTransport: [] },
  ] as const)(
    'writes configurations that C nodes take: $mode over $transport, IPv$family',
    async (configuration) => {
      await withLab({}, async (lab) => {
        await lab.startNodes({ a: { configuration }, b: { configuration } });
        await lab.a.load(tcpLoad(10));
        await lab.b.node().untilSize('external', 10);
      });
    },
  );

  test('runs side by side with another one, unseen', async () => {
    await Promise.all([
      withLab({}, async (busy) => {
        await busy.startNodes();
        await busy.a.load(tcpLoad(2_000));
        await busy.b.node().untilSize('external', 2_000);
      }),
      withLab({}, async (quiet) => {
        await quiet.startNodes();
        const tcp = await quiet.connect();
        await quiet.replicated(tcp);
        await withLab({}, async (passing) => {
          expect(passing.id).not.toBe(quiet.id);
        });
        expect(await tcp.exchange()).toMatchObject({ ok: true });
        expect(await quiet.a.flowCount()).toBe(1);
        expect(await quiet.b.node().sizes()).toEqual({ internal: 0, external: 1 });
      }),
    ]);
  });
});

/** The types of the messages in a datagram, from the low nibble of each header; control messages are 10. */
function messageTypes(datagram: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at + 8 <= datagram.length; at += datagram.readUInt16BE(at + 2)) {
    types.push(datagram[at]! & 0x0f);
  }
  return types;
}
