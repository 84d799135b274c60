import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ConfigurationOptions, missingForLab, tcpLoad, until, withLab } from '../../sim/netns/lab.ts';
import { startWirePeer } from '../../sim/netns/wire-peer.ts';
import { runRequest } from '../../src/cli/request.ts';
import { requestBytes } from '../../src/control/client.ts';
import { Request } from '../../src/control/codes.ts';
import type { LinkTransport, Snapshot, SyncSnapshot } from '../../src/control/snapshot.ts';
import { processesText, resendQueueLines, statisticsLines } from '../../src/control/statistics.ts';
import { Flag } from '../../src/wire/header.ts';
import { CACHE, FTFW, LINK, RUNTIME } from '../control/snapshot.ts';

const WORDS: readonly (readonly [string, number])[] = [
  ['network', Request.STATISTICS_NETWORK],
  ['cache', Request.STATISTICS_CACHE],
  ['runtime', Request.STATISTICS_RUNTIME],
  ['link', Request.STATISTICS_LINK],
  ['rsqueue', Request.STATISTICS_RSQUEUE],
  ['queue', Request.STATISTICS_QUEUE],
  ['process', Request.STATISTICS_PROCESS],
  ['ct', Request.STATISTICS],
  ['expect', Request.STATISTICS_EXPECT],
];

/** The text with every number, and the padding before it, replaced by how much room they take. */
function masked(text: string): string {
  return text.replace(/ *\d+/g, (number) => `<${number.length}>`);
}

function ours(request: number, snapshot: Snapshot): string {
  return masked([...statisticsLines(request, snapshot)].join(''));
}

/** What a C node in this configuration answers to every word, masked. */
async function theirs(configuration: ConfigurationOptions, syncLinks = 1): Promise<Record<string, string>> {
  return withLab({ syncLinks }, async (lab) => {
    await lab.startNodes({ a: { configuration }, b: { configuration } });
    const node = lab.a.node();
    const answers: Record<string, string> = { '': masked(await node.command('-s')) };
    for (const [word] of WORDS) answers[word] = masked(await node.command('-s', word));
    return answers;
  });
}

function expectSame(answers: Record<string, string>, snapshot: Snapshot) {
  const all = { '': ours(Request.STATISTICS, snapshot) } as Record<string, string>;
  for (const [word, request] of WORDS) all[word] = ours(request, snapshot);
  expect(all).toEqual(answers);
}

function withLink(transport: LinkTransport): SyncSnapshot {
  return { ...FTFW, links: [{ ...LINK, transport, serverConnected: true, clientConnected: true }] };
}

const { resendQueue: _, ...WITHOUT_RESEND_QUEUE } = FTFW;
const NO_RESEND_QUEUE: SyncSnapshot = {
  ...WITHOUT_RESEND_QUEUE,
  queues: { nodes: 0, queues: FTFW.queues.queues.filter(({ name }) => name !== 'rsqueue') },
};

beforeAll(() => {
  expect(missingForLab()).toEqual([]);
});

describe('every word of -s is laid out as in C', () => {
  it('in FT-FW mode over UDP', async () => {
    expectSame(await theirs({ mode: 'FTFW' }), FTFW);
  });

  it('in FT-FW mode over multicast', async () => {
    expectSame(await theirs({ mode: 'FTFW', transport: 'Multicast' }), withLink('multicast'));
  });

  it('with two links, of which one is in use', async () => {
    const links = [LINK, { ...LINK, device: 'sync1', active: false }];
    expectSame(await theirs({ mode: 'FTFW' }, 2), { ...FTFW, links });
  });

  it('in NOTRACK mode, with nothing of a resend queue', async () => {
    expectSame(await theirs({ mode: 'NOTRACK' }), NO_RESEND_QUEUE);
  });

  it('in ALARM mode, with expectations', async () => {
    const expectations = { internal: CACHE, external: { ...CACHE, name: 'external' } };
    expectSame(await theirs({ mode: 'ALARM', inOptions: ['ExpectationSync on'] }), {
      ...NO_RESEND_QUEUE,
      expectations,
    });
  });

  it('without an internal and an external cache', async () => {
    const inMode = ['DisableInternalCache on', 'DisableExternalCache on'];
    expectSame(await theirs({ mode: 'NOTRACK', inMode }), {
      ...NO_RESEND_QUEUE,
      flows: {
        internal: { kind: 'bypass', created: 1, updated: 2, destroyed: 3 },
        external: {
          kind: 'inject',
          created: 1,
          createFailed: 2,
          updated: 3,
          updateFailed: 4,
          destroyed: 5,
          destroyFailed: 6,
        },
      },
    });
  });

  it('in Stats mode, with nothing of links', async () => {
    expectSame(await theirs({ mode: 'Stats' }), {
      mode: 'stats',
      runtime: RUNTIME,
      processes: [],
      traffic: FTFW.traffic,
      cache: { ...CACHE, name: 'stats' },
    });
  });

  it('over TCP, connected and not', async () => {
    await withLab({}, async (lab) => {
      const configuration = { mode: 'NOTRACK', transport: 'TCP' } as const;
      const a = await lab.a.start({ configuration });
      const tcp = (connected: boolean): SyncSnapshot => ({
        ...NO_RESEND_QUEUE,
        links: [{ ...LINK, transport: 'TCP', serverConnected: connected, clientConnected: connected }],
      });
      expect(masked(await a.command('-s'))).toBe(ours(Request.STATISTICS, tcp(false)));
      await lab.b.start({ configuration });
      await until('both connections', async () => {
        const text = await a.command('-s');
        return text.includes('server=connected client=connected');
      });
      expect(masked(await a.command('-s'))).toBe(ours(Request.STATISTICS, tcp(true)));
      expect(masked(await a.command('-s', 'link'))).toBe(ours(Request.STATISTICS_LINK, tcp(true)));
    });
  });
});

it('the resend queue is listed as in C', async () => {
  await withLab({}, async (lab) => {
    // A peer that receives everything and acknowledges nothing.
    await startWirePeer(lab.b.namespace, 'b');
    const a = await lab.a.start({ configuration: { mode: 'FTFW' } });
    await lab.a.load(tcpLoad(1));
    await until('an object', async () => (await a.command('-s', 'rsqueue')).includes('object'));
    await a.command('-n');
    const listed = await until('a control message', async () => {
      const text = await a.command('-s', 'rsqueue');
      return text.includes('control') ? text : undefined;
    });
    const [object, control] = [...listed.matchAll(/seq:(\d+)/g)].map((found) => Number(found[1]));
    const entries = [
      { kind: 'object', sequence: object! },
      { kind: 'control', sequence: control!, flags: Flag.RESYNC | Flag.HELLO },
    ] as const;
    expect([...resendQueueLines({ length: 2, entries })].join('')).toBe(listed);
  });
});

it('a process is listed as in C', async () => {
  await withLab({}, async (lab) => {
    const a = await lab.a.start({ configuration: { mode: 'NOTRACK' } });
    await lab.a.load(tcpLoad(20_000));
    await until('20,000 flows', async () => (await a.sizes()).internal === 20_000);
    // Who asks for a dump and does not read it keeps the process that makes it.
    const socket = connect({ path: a.paths.controlSocket });
    try {
      socket.pause();
      socket.write(requestBytes(Request.DUMP_INTERNAL_CT));
      const listed = await until('a process', () => a.command('-s', 'process'));
      const pid = Number(/PID=(\d+)/.exec(listed)?.[1]);
      expect(processesText([{ pid, type: 'any' }])).toBe(listed);
    } finally {
      socket.destroy();
    }
  });
});

it('our client has the same answer from a C node as its own', async () => {
  await withLab({}, async (lab) => {
    const a = await lab.a.start({ configuration: { mode: 'NOTRACK' } });
    await lab.a.load(tcpLoad(2_000));
    await until('2,000 flows', async () => (await a.sizes()).internal === 2_000);
    const ask = async (request: number) => {
      const output = new PassThrough({ highWaterMark: 1_000 });
      const read = text(output);
      const code = await runRequest(a.paths.controlSocket, request, output, process.stderr);
      output.end();
      return { code, text: await read };
    };
    const cache = await ask(Request.STATISTICS_CACHE);
    expect(cache).toEqual({ code: 0, text: await a.command('-s', 'cache') });
    const dump = await ask(Request.DUMP_INTERNAL_CT_XML);
    expect(dump).toEqual({ code: 0, text: await a.command('-i', '-x') });
    expect(await ask(Request.KILL)).toEqual({ code: 0, text: '' });
    await until('the end of the node', () => !a.running());
  });
});
