import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  ADDRESSES,
  cProgram,
  type Lab,
  missingForLab,
  type Namespace,
  tcpLoad,
  until,
  withLab,
} from '../../sim/netns/lab.ts';
import {
  checkMetrics,
  checkRules,
  type Prometheus,
  type PrometheusPrograms,
  prometheusPrograms,
  startPrometheus,
} from '../../sim/netns/prometheus.ts';
import {
  consolePanels,
  consoles,
  dashboardExpressions,
  dashboardPanels,
  METRICS_PORT,
  metricsSettings,
  quickRules,
  runSubCommand,
  startMeteredPair,
  untilFiring,
} from './metered-pair.ts';
import { ourProgram } from './programs.ts';

/** Longer than what `ConntrackdPeerSlow` allows a message. */
const SLOW_MS = 2_200;

let programs: PrometheusPrograms;

beforeAll(async () => {
  expect(missingForLab(['conntrackd', 'busybox'])).toEqual([]);
  programs = await prometheusPrograms();
}, 120_000);

function http(namespace: Namespace, url: string) {
  return namespace.run('busybox', ['wget', '-S', '-q', '-O', '-', url]);
}

describe('the alert', () => {
  test.each([
    ['that the nodes have not the same flows', 'digests differ again within ten minutes', 'replica-differs'],
    ['that the peer is slow', 'half of the messages are acknowledged after more than 2 s', 'peer-slow'],
  ])('%s fires where %s, and not for less', async (_alert, _condition, name) => {
    const file = fileURLToPath(new URL(`${name}.rules-test.yml`, import.meta.url));
    expect(await checkRules(programs, file)).toBe('');
  });
});

test('the console has the panels of the dashboard', () => {
  expect(consolePanels()).toEqual(dashboardPanels());
});

describe('metrics', () => {
  test('are served as promtool wants them, and say whether the node is ready', async () => {
    await withLab({}, async (lab) => {
      const [target] = await startMeteredPair(lab);
      const connection = await lab.connect();
      await lab.replicated(connection);
      const { stdout, stderr } = await http(lab.a.namespace, `http://${target}/metrics`);
      expect(stderr).toContain('200 OK');
      expect(stderr).toContain('text/plain; version=0.0.4');
      expect(await checkMetrics(programs, stdout)).toBe('');
      expect(stdout).toMatch(/^conntrackd_cache_records\{cache="internal",content="flows"\} [1-9]/m);
      expect(stdout).toMatch(/^conntrackd_table_entries [1-9]/m);
      expect(stdout).toMatch(/^conntrackd_event_batch_events_count [1-9]/m);
      expect(stdout).toMatch(/^conntrackd_peer_acknowledge_delay_seconds_count \d/m);
      for (const path of ['healthz', 'readyz']) {
        expect((await http(lab.a.namespace, `http://${target}/${path}`)).stdout).toBe('ok\n');
      }
      expect((await http(lab.a.namespace, `http://${target}/other`)).stderr).toContain('404');
      expect(lab.a.node().log()).toContain(`metrics are served on ${target} to whoever reaches it`);
    });
  });

  test('of a UNIX socket, of an address in use', async () => {
    await withLab({}, async (lab) => {
      const listen = (paths: { readonly directory: string }) => metricsSettings(`${paths.directory}/metrics`);
      const node = await lab.a.start({ program: ourProgram, settings: listen });
      const request = 'GET /metrics HTTP/1.0\r\n\r\n';
      const { stdout } = await lab.a.namespace.run(
        'nc.openbsd',
        ['-N', '-U', `${node.paths.directory}/metrics`],
        {
          input: request,
        },
      );
      expect(stdout).toContain('conntrackd_build_info{');
      const occupied = `127.0.0.1:${METRICS_PORT}`;
      await lab.b.namespace.start('nc.openbsd', ['-k', '-l', '127.0.0.1', String(METRICS_PORT)]);
      await until('a listener', async () => (await lab.b.namespace.must('ss', ['-Hltn'])).includes(occupied));
      await expect(
        lab.b.start({ program: ourProgram, settings: () => metricsSettings(occupied) }),
      ).rejects.toThrow(/metrics on `127\.0\.0\.1:9637': listen EADDRINUSE/);
    });
  });

  test('are printed once, of our daemon, of a C daemon, and without one', async () => {
    await withLab({}, async (lab) => {
      await lab.startNodes({ a: { program: cProgram }, b: { program: ourProgram } });
      const connection = await lab.connect();
      await lab.replicated(connection);
      // Each has received something.
      await lab.settled();
      for (const side of ['a', 'b'] as const) {
        const { code, stdout, stderr } = await runSubCommand(lab[side], 'metrics');
        expect(stderr).toBe('');
        expect(code).toBe(0);
        expect(await checkMetrics(programs, stdout)).toBe('');
        expect(stdout).toMatch(/^conntrackd_up 1$/m);
        const cache = side === 'a' ? 'internal' : 'external';
        expect(stdout).toMatch(
          new RegExp(`^conntrackd_cache_records\\{cache="${cache}",content="flows"\\} [1-9]`, 'm'),
        );
        expect(stdout).toMatch(/^conntrackd_link_packets_total\{.*direction="received"\} [1-9]/m);
        expect(stdout).toMatch(/^conntrackd_queue_limit\{queue="rsqueue"\} 131072$/m);
      }
      await lab.b.load([...tcpLoad(30), '-I -p udp -s 1.1.1.1 -d 2.2.2.2 --sport 1 --dport 2 -t 99']);
      const top = await runSubCommand(lab.b, 'metrics', '--top', '2');
      expect(await checkMetrics(programs, top.stdout)).toBe('');
      const sources = [...top.stdout.matchAll(/^conntrackd_table_source_flows\{source="([^"]+)"\} (\d+)$/gm)];
      expect(sources.map(([, address]) => address)).toHaveLength(2);
      const listed = await lab.b.conntrack('-L', '-s', sources[0]![1]!);
      expect(listed.trimEnd().split('\n')).toHaveLength(Number(sources[0]![2]));
      const refused = await runSubCommand(lab.b, 'metrics', '--top', '0');
      expect([refused.code, refused.stdout]).toEqual([1, '']);
      expect(refused.stderr).toContain('metrics: --top 0: expected a number from 1 to 100');
      await lab.a.node().stop();
      const { code, stdout, stderr } = await runSubCommand(lab.a, 'metrics');
      expect(code).toBe(1);
      expect(stderr).toContain('control socket');
      expect(stdout).toMatch(/^conntrackd_up 0$/m);
      expect(stdout).toMatch(/^conntrackd_table_entries \d/m);
    });
  });

  test('raise the alerts that need no full table, each in its condition, and none of a healthy pair', {
    timeout: 180_000,
  }, async () => {
    await withLab({ translatedPorts: [40_000, 40_003] }, async (lab) => {
      const { a, b } = lab;
      const targets = await startMeteredPair(lab, ['HashLimit 5000', 'NetlinkOverrunResync 1']);
      const prometheus = await startPrometheus(a.namespace, programs, {
        targets,
        rules: quickRules(),
        consoles,
        directory: lab.directory,
      });
      const connection = await lab.connect();
      await lab.replicated(connection);
      // As many scrapes as the longest range of a rule has.
      for (let scrape = 0; scrape < 8; scrape++) {
        expect((await connection.exchange()).ok).toBe(true);
        await a.load(tcpLoad(200, { first: 200 * scrape }));
        expect(await prometheus.firing()).toEqual([]);
        const asked = `count_over_time(up[1m]) > ${scrape + 2}`;
        await until('another scrape', async () => (await prometheus.seriesOf(asked)) === 2);
      }

      b.node().signal('SIGSTOP');
      await b.load(tcpLoad(60_000, { first: 1_000_000 }));
      b.node().signal('SIGCONT');
      await untilFiring(prometheus, 'ConntrackdEventsLost', 'ConntrackdCacheFull');
      await until('both nodes and an alert on the console', async () => {
        const { stdout } = await http(a.namespace, `${prometheus.url}/consoles/conntrackd.html`);
        const text = stdout.replaceAll(/(?:<[^>]*>|\s)+/g, ' ');
        const isAlert = /ConntrackdCacheFull of [\d.:]+ \(critical\)/.test(text);
        return isAlert && targets.every((target) => text.includes(` ${target} yes `));
      });
      expect(await runSubCommand(b, 'role', 'primary')).toMatchObject({ code: 0 });
      for (const expression of dashboardExpressions()) {
        const query = async () => (await prometheus.seriesOf(expression)) > 0;
        await until(`series of ${expression}`, query);
      }
      await Promise.all([exhaustPorts(lab.client), untilPeerSlow(lab, targets, prometheus)]);
      await untilFiring(prometheus, 'ConntrackInsertFailed');
      await a.setLinks('down', 'sync0');
      await untilFiring(prometheus, 'ConntrackdLinkDown', 'ConntrackdPeerSilent');
      await b.node().kill();
      await untilFiring(prometheus, 'ConntrackdDown');
    });
  });
});

/** Stops the peer for longer than a message may wait, again and again as a flow begins, until the alert of it fires. */
async function untilPeerSlow(
  { a, b }: Lab,
  [target]: readonly string[],
  prometheus: Prometheus,
): Promise<void> {
  const answers = async () => {
    const { stdout } = await http(a.namespace, `http://${target}/metrics`);
    return Number(/^conntrackd_peer_acknowledge_delay_seconds_count (\d+)/m.exec(stdout)![1]);
  };
  for (let flow = 2_000_000; !(await prometheus.firing()).includes('ConntrackdPeerSlow'); flow += 2) {
    const answered = await answers();
    b.node().signal('SIGSTOP');
    // One message in 100 ms is measured: the first may come just after another one that was acknowledged.
    await a.load(tcpLoad(1, { first: flow }));
    await sleep(200);
    await a.load(tcpLoad(1, { first: flow + 1 }));
    await sleep(SLOW_MS);
    b.node().signal('SIGCONT');
    await until('an acknowledgement', async () => (await answers()) > answered);
  }
}

/** More flows than there are ports to translate to, for one server and port. */
async function exhaustPorts(client: Namespace): Promise<void> {
  const send = Array.from(
    { length: 12 },
    (_, n) => `echo x | nc.openbsd -u -w 1 -p ${5000 + n} ${ADDRESSES.server.v4} 9 &`,
  );
  await client.run('sh', ['-c', `${send.join('\n')}\nwait`]);
}
