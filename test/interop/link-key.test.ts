import { writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ack, data, resync } from '../../sim/fuzz/messages.ts';
import { startCapture } from '../../sim/netns/capture.ts';
import {
  type ConntrackdNode,
  type Firewall,
  type Namespace,
  type NodeOptions,
  sampleFlows,
  syncAddress,
  tcpLoad,
  udpDatagrams,
  until,
  withLab,
} from '../../sim/netns/lab.ts';
import { encodeFlow } from '../../src/wire/encode.ts';
import { MessageType } from '../../src/wire/header.ts';
import { ourProgram } from './programs.ts';

type Transport = 'UDP' | 'Multicast' | 'TCP';
const TRANSPORTS = ['UDP', 'Multicast', 'TCP'] as const;
const PORT = 3780;
const A = syncAddress('a', 0).v4;
const B = syncAddress('b', 0).v4;

const keyLine = (n: number) => `${Buffer.from(new Uint8Array(32).fill(n)).toString('base64')}\n`;
const keyPath = (directory: string) => join(directory, 'link.key');

/** Our node with this key; without one where it is undefined. */
function keyed(transport: Transport, key: number | undefined): NodeOptions {
  const options = { program: ourProgram, configuration: { mode: 'FTFW', transport } } as const;
  if (key === undefined) return options;
  return {
    ...options,
    settings: ({ directory }) => {
      writeFileSync(keyPath(directory), keyLine(key), { mode: 0o600 });
      return `[links]\nkey_file = "${keyPath(directory)}"\n`;
    },
  };
}

interface LinkFigures {
  readonly refused: Readonly<Record<string, { readonly count: number; readonly last: string }>>;
  readonly seal?: { readonly peers: number; readonly undelivered: number };
}

async function link(node: ConntrackdNode): Promise<LinkFigures> {
  return JSON.parse(await node.command('-s', 'link', '--json')).links[0];
}

async function refusedFor(node: ConntrackdNode, reason: string): Promise<number> {
  return (await link(node)).refused[reason]?.count ?? 0;
}

/** What `doctor` says of the running node. */
async function doctor({ namespace }: Firewall, { paths }: ConntrackdNode): Promise<string> {
  const { command, args } = ourProgram;
  return (await namespace.run(command, [...args, 'doctor', '--for', '1s', '-C', paths.configuration])).stdout;
}

/** Sends these datagrams from an address in this namespace, from a port that the kernel chooses. */
async function inject(
  namespace: Namespace,
  from: string,
  to: string,
  datagrams: readonly Uint8Array[],
): Promise<void> {
  const program = `
    const socket = require('node:dgram').createSocket('udp4');
    socket.bind({ address: '${from}' }, async () => {
      if ('${to}'.startsWith('225.')) {
        socket.setMulticastInterface('${from}');
        // The node of the same namespace is not to hear it.
        socket.setMulticastLoopback(false);
      }
      for (const hex of ${JSON.stringify(datagrams.map((bytes) => Buffer.from(bytes).toString('hex')))})
        await new Promise((done) => socket.send(Buffer.from(hex, 'hex'), ${PORT}, '${to}', done));
      socket.close();
    });`;
  await namespace.must(process.execPath, ['-e', program]);
}

describe.each(TRANSPORTS)('two nodes with a key over %s', (transport) => {
  test('replicate, and connections outlive the primary when the backup commits', async () => {
    await withLab({ translatedPorts: [30_000, 39_999] }, async (lab) => {
      const options = keyed(transport, 1);
      const [a, b] = await Promise.all([lab.a.start(options), lab.b.start(options)]);
      const [tcp, udp] = await Promise.all([lab.connect(), lab.openUdp()]);
      expect(await tcp.exchange()).toMatchObject({ ok: true, number: 1 });
      expect(await udp.exchange()).toMatchObject({ ok: true, number: 1 });
      await lab.replicated(tcp, udp);
      for (const node of [a, b]) {
        expect((await link(node)).seal?.peers).toBeGreaterThan(0);
        expect(await node.command('-s', 'network')).toMatch(/Malformed messages:\s+0$/m);
      }
      await lab.failover({ commit: true });
      expect(await tcp.exchange()).toMatchObject({ ok: true, number: 2 });
      expect(await udp.exchange()).toMatchObject({ ok: true, number: 2 });
    });
  });

  test('change it while flows come, and lose nothing', async () => {
    await withLab({}, async (lab) => {
      const options = keyed(transport, 1);
      const [a, b] = await Promise.all([lab.a.start(options), lab.b.start(options)]);
      await until('the peers', async () => ((await link(a)).seal?.peers ?? 0) > 0);
      const lines = tcpLoad(40_000);
      let made = 0;
      let isOver = false;
      const churn = (async () => {
        while (!isOver) {
          await lab.a.load(lines.slice(made, made + 50));
          made += 50;
        }
      })();
      try {
        for (const keys of [[1, 2], [2, 1], [2]]) {
          for (const node of [a, b]) {
            const before = node.log().split(' was read again').length;
            await writeFile(keyPath(node.paths.directory), keys.map(keyLine).join(''));
            await until('the keys are read', () => node.log().split(' was read again').length > before);
          }
          const before = made;
          await until('some flows more', () => made > before + 100);
          // The connections over TCP are other ones by now.
          await until('both directions', async () => {
            const { seal } = await link(a);
            return (seal?.peers ?? 0) > (transport === 'TCP' ? 1 : 0);
          });
        }
      } finally {
        isOver = true;
        await churn;
      }
      await b.untilSize('external', made, 20_000);
      for (const node of [a, b]) {
        const { refused } = await link(node);
        expect(Object.keys(refused).filter((reason) => reason !== 'unproved')).toEqual([]);
      }
    });
  });

  test.each([
    ['no key', undefined, 'unsealed', 'sealed', /with a seal \(that node has a key_file/],
    ['another key', 2, 'other-key', 'other-key', /sealed with a key that is not in our key_file/],
  ] as const)(
    'refuse a node with %s: both name it in their logs, and doctor does',
    async (_, key, hereReason, thereReason, thereText) => {
      await withLab({}, async (lab) => {
        const here = await lab.a.start(keyed(transport, 1));
        const there = await lab.b.start(keyed(transport, key));
        await lab.b.conntrack(...sampleFlows()[0]!.arguments);
        await until('both refuse', async () => {
          await there.client(['-B']);
          return (await refusedFor(here, hereReason)) > 0 && (await refusedFor(there, thereReason)) > 0;
        });
        const text = hereReason === 'unsealed' ? /without a seal \(that node has no key_file\)/ : thereText;
        expect(here.log()).toMatch(new RegExp(`on link sync0 ${text.source}.*, the last of ${B}`));
        expect(there.log()).toMatch(new RegExp(`on link sync0 ${thereText.source}.*, the last of ${A}`));
        expect((await here.sizes()).external).toBe(0);
        for (const [node, reason] of [
          [here, hereReason],
          [there, thereReason],
        ] as const) {
          expect(await node.command('-s')).toMatch(
            new RegExp(`^refused because of the key: \\d+ ${reason} on sync0`, 'm'),
          );
          expect(await doctor(node === here ? lab.a : lab.b, node)).toMatch(
            /daemon: key.*\n?.*give all nodes the same key_file/,
          );
        }
      });
    },
  );
});

test('what was recorded is refused when it is played back, also to a node that has restarted', async () => {
  await withLab({}, async (lab) => {
    const options = keyed('UDP', 1);
    await lab.a.start(options);
    let b = await lab.b.start(options);
    const path = join(b.paths.directory, 'recording.pcap');
    const capture = await startCapture(lab.a.namespace, 'sync0', path, `udp port ${PORT} and src host ${A}`);
    await lab.a.load(tcpLoad(5));
    await b.untilSize('external', 5);
    await lab.a.conntrack('-F');
    await b.untilSize('external', 0);
    const recording = udpDatagrams(await capture.stop()).map(({ payload }) => payload);
    expect(recording.length).toBeGreaterThan(1);
    const playBack = async () => {
      await inject(lab.a.namespace, A, B, recording);
      await until('all of it is refused', async () => (await refusedFor(b, 'replayed')) >= recording.length);
      expect((await b.sizes()).external).toBe(0);
      expect(b.log()).toMatch(`seen before (repeated or played back), the last of ${A}`);
      expect(await b.command('-s')).toMatch(/^refused because of the key: \d+ replayed on sync0/m);
    };
    await playBack();
    await b.stop();
    b = await lab.b.start(options);
    await until('the peers', async () => ((await link(b)).seal?.peers ?? 0) > 0);
    await playBack();
  });
});

/** NEW of one flow, DEL of another, a request for everything, and an ACK. */
function forged(): Uint8Array[] {
  const flow = (source: number) =>
    encodeFlow({
      original: {
        family: 4,
        source: '10.3.0.1',
        destination: '10.4.0.1',
        protocol: 17,
        ports: { source, destination: 53 },
      },
      status: 8,
    });
  return [
    data(MessageType.CT_NEW, 1, flow(2000)),
    data(MessageType.CT_DEL, 2, flow(1000)),
    resync(3),
    ack(4, 0, 5),
  ];
}

const flowOf = (port: number) =>
  `-I -p udp -s 10.3.0.1 -d 10.4.0.1 --sport ${port} --dport 53 -t 1000`.split(' ');

const STRANGER = '10.99.0.77';

/** Ports of the flows in B's external cache after a stranger has sent what he forged. */
async function afterForging(
  firewalls: { readonly a: Firewall; readonly b: Firewall },
  transport: 'UDP' | 'Multicast',
  settings: string,
  isOver: (b: ConntrackdNode) => Promise<boolean>,
): Promise<{ readonly ports: string[]; readonly b: ConntrackdNode }> {
  const options = { program: ourProgram, configuration: { mode: 'FTFW', transport } } as const;
  await firewalls.a.namespace.ip(`addr add ${STRANGER}/24 dev sync0`);
  await firewalls.a.start(options);
  const b = await firewalls.b.start({ ...options, settings: () => settings });
  await firewalls.a.conntrack(...flowOf(1000));
  await b.untilSize('external', 1);
  await inject(firewalls.a.namespace, STRANGER, transport === 'UDP' ? B : '225.0.0.50', forged());
  await until('the forged messages', () => isOver(b));
  const ports = (await b.cache('external')).map(({ original }) => `${Object.values(original)}`);
  return { ports: ports.map((text) => (text.includes('1000') ? 'genuine' : 'forged')), b };
}

describe.each([
  ['UDP', ''],
  ['Multicast', `[links]\nsenders = ["${A}"]\n`],
] as const)('a stranger without a key over %s', (transport, settings) => {
  test('has what he forges refused and counted: NEW, DEL, RESYNC and ACK', async () => {
    await withLab({}, async (lab) => {
      const count = forged().length;
      const isOver = async (b: ConntrackdNode) => (await refusedFor(b, 'sender')) === count;
      const { ports, b } = await afterForging(lab, transport, settings, isOver);
      expect(ports).toEqual(['genuine']);
      expect((await link(b)).refused).toEqual({ sender: { count, last: STRANGER } });
      expect(b.log()).toMatch(`on link sync0 because of the sender, the last of ${STRANGER}`);
      expect(await doctor(lab.b, b)).toMatch(`on sync0, the last of ${STRANGER}`);
    });
  });

  test('is taken for a node where any sender is accepted', async () => {
    await withLab({}, async (lab) => {
      // The flow whose end is forged comes again: the node asks whoever it has not heard before for everything, and A answers too.
      const isOver = async (b: ConntrackdNode) => (await b.sizes()).external === 2;
      const { ports } = await afterForging(lab, transport, '[links]\naccept_any_sender = true\n', isOver);
      expect(ports.sort()).toEqual(['forged', 'genuine']);
    });
  });
});
