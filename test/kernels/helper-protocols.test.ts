// Needs a kernel with helpers in user space (nfnetlink_cthelper) and packet queues, the program nfct, and Debian's tftp-hpa,
// tftpd-hpa and rpcbind.

import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cProgram, missingForLab, type Program, until } from '../../sim/netns/lab.ts';
import { startSpeaker } from '../../sim/netns/speaker.ts';
import { joined, words } from '../helper/flows.ts';
import { ourProgram } from '../interop/programs.ts';
import {
  addHelpersFor,
  flushHelpers,
  type HelperClause,
  type HelperLab,
  openHelperLab,
  SERVER,
} from './helper-lab.ts';
import {
  ANNOUNCED_PORT,
  LOCAL_PORT,
  type Speakers,
  TRANSCRIPTS,
  type Transcript,
} from './helper-transcripts.ts';

const FILE = 'what was asked for\n'.repeat(100);
const PORT_MAPPER = 111;
/** A program that is registered with the port mapper, and the ports at which it is. */
const PROGRAM = 100_003;
const PROGRAM_PORT = { tcp: 2049, udp: 2050 } as const;
const PROTOCOL = { tcp: 6, udp: 17 } as const;
/** RFC 1833 3: version 2 of the port mapper. */
const Procedure = { SET: 1, GETPORT: 3 } as const;

/** Ours creates what a flow's first packet expects when the packet has gone on. */
const EXPECTED_WITHIN_MS = 1_000;

let lab: HelperLab;
let speakers: Speakers;

function portMapperCall(procedure: number, transport: 'tcp' | 'udp', port: number): Uint8Array {
  return words(7, 0, 2, 100_000, 2, procedure, 0, 0, 0, 0, PROGRAM, 3, PROTOCOL[transport], port);
}

/** RFC 5531 11. */
function record(message: Uint8Array): Uint8Array {
  return joined(words(0x8000_0000 + message.length), message);
}

async function askPortMapper(over: 'tcp' | 'udp', wanted: 'tcp' | 'udp'): Promise<void> {
  const question = portMapperCall(Procedure.GETPORT, wanted, 0);
  const [answer] = await speakers.client.talk(
    { transport: over, address: SERVER[4], port: PORT_MAPPER },
    { localPort: LOCAL_PORT, messages: [over === 'tcp' ? record(question) : question] },
  );
  expect(answer!.readUInt32BE(answer!.length - 4)).toBe(PROGRAM_PORT[wanted]);
}

async function fetchFile(family: 4 | 6): Promise<void> {
  const target = join(lab.directory, 'fetched');
  writeFileSync(target, '');
  const args = [`-${family}`, '-m', 'binary', SERVER[family], '-c', 'get', 'hello', target];
  await lab.client.must('tftp', args);
  expect(readFileSync(target, 'utf8')).toBe(FILE);
}

/** What real programs do. */
const REAL: readonly Transcript[] = [
  ...([4, 6] as const).map(
    (family): Transcript => ({
      title: `tftp-hpa over IPv${family}`,
      helper: 'tftp',
      family,
      transport: 'udp',
      port: 69,
      play: () => fetchFile(family),
      // The transfer has come of it.
      ours: 0,
    }),
  ),
  ...(['udp', 'tcp'] as const).map(
    (transport): Transcript => ({
      title: `rpcbind over ${transport}`,
      helper: 'rpc',
      family: 4,
      transport,
      port: PORT_MAPPER,
      play: () => askPortMapper(transport, 'tcp'),
      ours: 1,
    }),
  ),
];
const ALL = [...REAL, ...TRANSCRIPTS];

/** Each helper, and the port where it is wanted. */
const HELPERS = [
  ...new Map(ALL.map((one) => [`${one.helper}-${one.transport}-${one.family}`, one])).entries(),
];
const CLAUSES = HELPERS.map(
  ([, { helper, family, transport }], n): HelperClause => ({
    name: helper,
    family,
    transport,
    queueNum: 10 + n,
    queueLen: 1024,
    expectMax: 8,
    expectTimeout: 300,
  }),
);

/** Assigns the helpers; new flows to their ports pass, and what is related. */
function rules(): string {
  const objects = HELPERS.map(
    ([id, { helper, family, transport }]) =>
      `ct helper ${id} { type "${helper}" protocol ${transport}; l3proto ${family === 4 ? 'ip' : 'ip6'}; }`,
  );
  const assigned = HELPERS.map(
    ([id, { family, transport, port }]) =>
      `meta nfproto ipv${family} ${transport} dport ${port} ct helper set "${id}"`,
  );
  const accepted = HELPERS.map(([, { transport, port }]) => `${transport} dport ${port} accept`);
  return `table inet helpers {
    ${objects.join('\n')}
    chain prerouting { type filter hook prerouting priority -50; ${assigned.join('; ')}; }
    chain output { type filter hook output priority -50; ${assigned.join('; ')}; }
    chain forward {
      type filter hook forward priority 0; policy drop;
      ct state established,related accept
      meta l4proto { icmp, ipv6-icmp } accept
      ${accepted.join('\n')}
    }
  }`;
}

async function untilQueuesEmpty(): Promise<void> {
  await until('no packet waits', async () => {
    // Columns: number, port id, packets that wait, ...
    const queues = await lab.firewall.must('cat', ['/proc/net/netfilter/nfnetlink_queue']);
    const waiting = queues.trim().split('\n');
    return waiting.length >= CLAUSES.length && waiting.every((line) => line.trim().split(/\s+/)[2] === '0');
  });
}

/** Numbers of ports that were not chosen by a program say something. */
const TOLD = new Set(
  [0, 65_535, LOCAL_PORT, 546, ...Object.values(PROGRAM_PORT), ...ALL.map(({ port }) => port)]
    .concat([0, 1, 2].map((n) => ANNOUNCED_PORT + n))
    .map(String),
);

function withoutChosenPorts(line: string): string {
  return line.replace(/\b([sd]port)=(\d+)/g, (all, name, port) => (TOLD.has(port) ? all : `${name}=chosen`));
}

async function play(one: Transcript, count: number): Promise<string[]> {
  await one.play(speakers);
  await untilQueuesEmpty();
  const lines =
    count === 0
      ? await lab.expectations()
      : await until(
          `${count} expectations`,
          async () => {
            const found = await lab.expectations();
            return found.length >= count && found;
          },
          EXPECTED_WITHIN_MS,
        ).catch(() => lab.expectations());
  for (const speaker of Object.values(speakers)) await speaker.hangUp();
  await lab.firewall.run('conntrack', ['-F', 'expect']);
  await lab.firewall.run('conntrack', ['-F']);
  return lines.map(withoutChosenPorts);
}

beforeAll(async () => {
  expect(missingForLab(['tftp', 'in.tftpd', 'rpcbind'])).toEqual([]);
  lab = await openHelperLab();
  speakers = {
    client: await startSpeaker(lab.client),
    firewall: await startSpeaker(lab.firewall),
    server: await startSpeaker(lab.server),
  };
  const files = join(lab.directory, 'files');
  mkdirSync(files);
  writeFileSync(join(files, 'hello'), FILE);
  for (const path of [lab.directory, files]) chmodSync(path, 0o755);
  await lab.server.start('in.tftpd', ['-L', '-s', files]);
  await lab.server.start('rpcbind', ['-f', '-i']);
  for (const [n, transport] of (['tcp', 'udp'] as const).entries()) {
    await until('the program is registered', async () => {
      const call = portMapperCall(Procedure.SET, transport, PROGRAM_PORT[transport]);
      const [answer] = await speakers.server.talk(
        { transport: 'tcp', address: '127.0.0.1', port: PORT_MAPPER },
        { localPort: 1000 + n, messages: [record(call)] },
      );
      return answer!.readUInt32BE(answer!.length - 4) === 1;
    });
  }
});

afterAll(async () => {
  await lab?.close();
});

describe.sequential('expectations in the kernel, beside those of the C helper', () => {
  const seen = new Map<Program, Map<Transcript, readonly string[]>>();

  test.each([
    ['C', cProgram],
    ['our program', ourProgram],
  ])('all transcripts play through %s', async (_, program) => {
    lab.configure(CLAUSES);
    await addHelpersFor(program, CLAUSES);
    await lab.start(program);
    const lines = new Map<Transcript, readonly string[]>();
    seen.set(program, lines);
    try {
      await lab.firewall.nft(rules());
      for (const one of ALL) {
        const { count } = (program === cProgram ? one.c : undefined) ?? { count: one.ours };
        lines.set(one, await play(one, count));
      }
    } finally {
      await lab.firewall.nft('flush ruleset');
      await lab.stop(program);
      await flushHelpers();
    }
  });

  test.each(ALL.map((one) => [one.title, one] as const))('%s', (_, one) => {
    const ours = seen.get(ourProgram)!.get(one)!;
    const c = seen.get(cProgram)!.get(one)!;
    expect(ours).toHaveLength(one.ours);
    if (one.c === undefined) expect(ours).toEqual(c);
    else {
      expect(c, one.c.why).toHaveLength(one.c.count);
      expect(c, one.c.why).not.toEqual(ours);
    }
  });
});
