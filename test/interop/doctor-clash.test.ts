import { beforeAll, expect, test } from 'vitest';
import { holdPackets } from '../../sim/netns/held-packets.ts';
import { type InsideProgram, startInside } from '../../sim/netns/inside-programs.ts';
import { missingForLab } from '../../sim/netns/lab.ts';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import { openScope } from '../../sim/netns/scope.ts';
import { until } from '../../sim/netns/until.ts';
import type { Finding } from '../../src/diagnosis/finding.ts';
import { ourProgram } from './programs.ts';

/** Where all packets go, before translation. */
const SERVER = '10.0.0.9';
const CLIENTS = ['10.0.0.2', '10.0.0.3'];
const BACKENDS = ['10.0.0.6', '10.0.0.7'];
const TRANSLATED = '10.0.0.5';

const TO_TRANSLATED = `chain from { type nat hook postrouting priority srcnat; ip daddr ${SERVER} snat to ${TRANSLATED}; }`;
const TO_BACKENDS = `chain to { type nat hook output priority -100;
    ip daddr ${SERVER} udp dport 53 dnat to numgen inc mod 2 map { 0 : ${BACKENDS[0]}, 1 : ${BACKENDS[1]} };
  }`;

beforeAll(() => {
  expect(missingForLab(['conntrack', 'nft'])).toEqual([]);
});

interface Burst {
  readonly clients: readonly string[];
  /** Packets that each client sends from its socket. */
  readonly count: number;
}

/** Ten times a second, each client sends from a port that all of them use, and that was not used before. */
const sender: InsideProgram<Burst & { readonly server: string }> = (
  { dgram },
  { clients, server, count },
) => {
  let port = 20_000;
  setInterval(() => {
    port++;
    for (const client of clients) {
      const socket = dgram.createSocket('udp4');
      // Nobody listens.
      socket.on('error', () => {});
      socket.bind(port, client, () => {
        for (let sent = 0; sent < count; sent++) socket.send('x', 53, server, () => {});
        setTimeout(() => socket.close(), 1000);
      });
    }
  }, 100);
};

/** What the doctor says of insertions while packets clash, and what the kernel counted by then. */
interface Observed {
  readonly findings: readonly Finding[];
  readonly counters: Counters;
}

/** Of `conntrack -S`, summed over the CPUs. */
interface Counters {
  readonly insertFailed: number;
  readonly clashResolve: number;
}

async function countersIn(namespace: Namespace): Promise<Counters> {
  const text = await namespace.must('conntrack', ['-S']);
  const sum = (name: string) =>
    [...text.matchAll(new RegExp(`\\b${name}=(\\d+)`, 'g'))].reduce((total, [, n]) => total + Number(n), 0);
  return { insertFailed: sum('insert_failed'), clashResolve: sum('clash_resolve') };
}

/** @param rules translate what goes to the server */
async function withClashes(
  rules: string,
  burst: Burst,
  work: (namespace: Namespace, observe: () => Promise<Observed>) => Promise<void>,
): Promise<void> {
  const scope = openScope('clash');
  const together = burst.clients.length * burst.count;
  let close = () => {};
  try {
    const namespace = await createNamespace(scope, 'a');
    const addresses = [SERVER, TRANSLATED, ...CLIENTS, ...BACKENDS];
    await namespace.ip(...addresses.map((address) => `addr add ${address}/32 dev lo`));
    await namespace.nft(`table ip t {\n${rules}\n}`);
    const packets = await holdPackets(namespace, { match: 'udp dport 53 ct state new', together });
    close = packets.close;
    await startInside(namespace, sender, { ...burst, server: SERVER });
    await work(namespace, async () => {
      const { held } = packets;
      await until('packets that clash', () => packets.held > held + 2 * together);
      const before = await countersIn(namespace);
      const words = [...ourProgram.args, 'doctor', '--for', '1s', '--json', '-C', '/nowhere'];
      const path = `PATH=${packets.programs}:${process.env.PATH}`;
      const { stdout } = await namespace.run('env', [path, ourProgram.command, ...words]);
      const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] };
      const after = await countersIn(namespace);
      return {
        findings: findings.filter(({ check }) => check === 'insert_failed'),
        counters: {
          insertFailed: after.insertFailed - before.insertFailed,
          clashResolve: after.clashResolve - before.clashResolve,
        },
      };
    });
  } finally {
    close();
    await scope.close();
  }
}

test('two flows that get one port at once: the doctor names the rule, and its command cures that', async () => {
  await withClashes(TO_TRANSLATED, { clients: CLIENTS, count: 1 }, async (namespace, observe) => {
    const { findings, counters } = await observe();
    expect(counters.insertFailed).toBeGreaterThan(4);
    expect(counters.clashResolve).toBe(0);
    expect(findings).toMatchObject([{ level: 'warning' }]);
    expect(findings[0]!.found).toContain(`translation to ${TRANSLATED} does not choose ports at random`);
    for (const command of findings[0]!.commands!) await namespace.must('sh', ['-ec', command]);
    expect(await observe()).toEqual({ findings: [], counters: { insertFailed: 0, clashResolve: 0 } });
  });
});

test('packets of one socket that are translated to different servers: the kernel resolves that, and the doctor says nothing', async () => {
  await withClashes(TO_BACKENDS, { clients: CLIENTS.slice(0, 1), count: 3 }, async (_namespace, observe) => {
    const { findings, counters } = await observe();
    expect(counters.clashResolve).toBeGreaterThan(4);
    expect(counters.insertFailed).toBe(0);
    expect(findings).toEqual([]);
  });
});
