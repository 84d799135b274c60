import { beforeAll, describe, expect, test } from 'vitest';
import { type FtpSession, openFtpSession, startFtpServer } from '../../sim/netns/ftp.ts';
import {
  ADDRESSES,
  type ConfigurationOptions,
  cProgram,
  type Family,
  type FlowLine,
  flowsMatching,
  type Lab,
  missingForLab,
  type TcpConnection,
  until,
  withLab,
} from '../../sim/netns/lab.ts';
import { PAIRS, type Pair } from './programs.ts';

/** Long enough for several retransmissions, short enough to wait for a failure that must come, in milliseconds. */
const HOPELESS = 1_500;

const TRANSLATED = { translatedPorts: [30_000, 39_999] } as const;

const C_PAIR: Pair = { name: 'C with C', primary: cProgram, backup: cProgram };
const OUR_BACKUPS = PAIRS.filter(({ backup }) => backup !== cProgram);
const C_BACKUPS = [C_PAIR, ...PAIRS.filter(({ backup }) => backup === cProgram)];

interface Configurations {
  readonly primary: ConfigurationOptions;
  readonly backup: ConfigurationOptions;
}

const alike = (configuration: ConfigurationOptions): Configurations => ({
  primary: configuration,
  backup: configuration,
});

const startPair = (lab: Lab, pair: Pair, { primary, backup }: Configurations) =>
  lab.startNodes({
    a: { program: pair.primary, configuration: primary },
    b: { program: pair.backup, configuration: backup },
  });

/** Opens a TCP connection and a UDP flow, each of which has carried something in both directions. */
async function openBoth(lab: Lab, family: Family = 4) {
  const [tcp, udp] = await Promise.all([lab.connect({ family }), lab.openUdp({ family })]);
  expect(await tcp.exchange()).toMatchObject({ ok: true, number: 1 });
  expect(await udp.exchange()).toMatchObject({ ok: true, number: 1 });
  return { tcp, udp };
}

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

// Over TCP: link-tcp-pair.
describe.each(['UDP', 'Multicast'] as const)('FTFW over an IPv6 link, %s', (transport) => {
  test.concurrent.each(PAIRS)('flows of both families outlive the primary: $name', async (pair) => {
    await withLab(TRANSLATED, async (lab) => {
      await startPair(lab, pair, alike({ mode: 'FTFW', transport, family: 6 }));
      const [four, six] = await Promise.all([openBoth(lab), openBoth(lab, 6)]);
      expect(six.udp.translated.address).toBe(ADDRESSES.outsideVirtual.v6);
      const all = [four.tcp, four.udp, six.tcp, six.udp];
      await lab.replicated(...all);
      await lab.failover({ commit: true });
      for (const flow of all) expect(await flow.exchange()).toMatchObject({ ok: true, number: 2 });
    });
  });
});

interface Ports {
  readonly localPort: number;
  readonly remotePort: number;
}

/** Waits until a connection is established in one of B's tables. */
async function established(
  where: string,
  table: () => Promise<FlowLine[]>,
  { localPort, remotePort }: Ports,
) {
  await until(`the connection in ${where} of B`, async () => {
    const [flow] = flowsMatching(await table(), { sport: String(localPort), dport: String(remotePort) });
    return flow?.state === 'ESTABLISHED' && flow.flags.includes('ASSURED');
  });
}

describe.each(['FTFW', 'NOTRACK'] as const)('%s without external cache on the backup', (mode) => {
  test.concurrent.each(PAIRS)('connections outlive the primary without a commit: $name', async (pair) => {
    await withLab(TRANSLATED, async (lab) => {
      await startPair(lab, pair, {
        primary: { mode },
        backup: { mode, inMode: ['DisableExternalCache On'] },
      });
      const [four, six] = await Promise.all([openBoth(lab), openBoth(lab, 6)]);
      for (const { tcp } of [four, six]) await established('the kernel', lab.b.flows, tcp);
      await until('all flows in the kernel of B', async () => (await lab.b.flowCount()) >= 4);
      await lab.failover({ commit: false });
      for (const flow of [four.tcp, four.udp, six.tcp, six.udp]) {
        expect(await flow.exchange()).toMatchObject({ ok: true, number: 2 });
      }
    });
  });
});

describe('NOTRACK without internal cache on the primary', () => {
  test.concurrent.each(PAIRS)(
    'connections outlive the primary when the backup commits: $name',
    async (pair) => {
      await withLab(TRANSLATED, async (lab) => {
        const mode = 'NOTRACK';
        await startPair(lab, pair, {
          primary: { mode, inMode: ['DisableInternalCache On'] },
          backup: { mode },
        });
        const { tcp, udp } = await openBoth(lab);
        await lab.replicated(tcp, udp);
        expect(await lab.a.node().command('-s')).toContain('internal bypass:');
        await lab.failover({ commit: true });
        expect(await tcp.exchange()).toMatchObject({ ok: true, number: 2 });
        expect(await udp.exchange()).toMatchObject({ ok: true, number: 2 });
      });
    },
  );
});

const FTP_PORT = 2121;

/** Many times a TCP segment, so that the data connection is more than its handshake. */
const FILE = Array.from({ length: 4_000 }, (_, line) => `line ${line}\n`).join('');

/** Written with as many characters as the client's address. */
const SAME_LENGTH = '198.51.100.10';

const FOLLOWED = `
add rule inet lab assigning iifname "in0" tcp dport ${FTP_PORT} ct state new ct helper set "ftp-standard"
`;

/** What the firewalls do with the client's address: the further rules, and the address that reaches the server. */
const TRANSLATIONS = {
  untranslated: {
    rules: `${FOLLOWED}flush chain inet lab translating\n`,
    announced: ADDRESSES.client.v4,
  },
  translated: {
    rules: `${FOLLOWED}flush chain inet lab translating
      add rule inet lab translating oifname "out0" snat ip to ${SAME_LENGTH}\n`,
    announced: SAME_LENGTH,
  },
  'translated to a shorter address': { rules: FOLLOWED, announced: ADDRESSES.outsideVirtual.v4 },
} as const;

interface FtpCase {
  readonly translation: keyof typeof TRANSLATIONS;
  readonly pair: Pair;
  /** As after `ExpectationSync`. */
  readonly sync: 'On' | '{ ftp }';
}

/** Calls `work` with a client that has logged in through A and announced an address, when B knows all of it. */
async function withFtp(
  { pair, sync, translation }: FtpCase,
  work: (lab: Lab, session: FtpSession) => Promise<void>,
) {
  const { rules, announced } = TRANSLATIONS[translation];
  await withLab({ ftp: true, rules }, async (lab) => {
    const gateway = ADDRESSES.outsideVirtual.v4;
    await lab.server.ip(
      `route add 192.168.10.0/24 via ${gateway}`,
      `route add ${SAME_LENGTH} via ${gateway}`,
    );
    await startFtpServer(lab.server, { port: FTP_PORT, files: { readme: FILE }, patience: HOPELESS });
    const inOptions = sync === 'On' ? ['ExpectationSync On'] : ['ExpectationSync {', 'ftp', '}'];
    await startPair(lab, pair, alike({ mode: 'FTFW', inOptions }));
    const server = { address: ADDRESSES.server.v4, port: FTP_PORT };
    const session = await openFtpSession(lab.client, server, ADDRESSES.client.v4);
    expect(await session.announce()).toBe(`200 ${announced}:${session.dataPort}`);
    await established('the external cache', () => lab.b.node().cache('external'), session);
    await until('the expectation in the external cache of B', async () => {
      const lines = await lab.b.node().expectations('external');
      return lines.some((line) => line.includes(`dport=${session.dataPort} `));
    });
    await work(lab, session);
  });
}

/** Asks for the file; returns the server's last word on it. */
function retrieve(session: FtpSession, timeout?: number): Promise<string> {
  session.request('readme');
  return session.answer(['226', '425', '426'], timeout);
}

const COMPLETE = '226 Transfer complete';
/** The server's word that its data connection found no way; it comes over the control connection. */
const NO_WAY = /^425 /;

describe('an FTP transfer in active mode', () => {
  const cases = [
    ...PAIRS.flatMap((pair) =>
      (['On', '{ ftp }'] as const).map((sync) => ({ translation: 'untranslated', pair, sync }) as const),
    ),
    // A C backup commits expectations without their translation: see below.
    ...OUR_BACKUPS.map((pair) => ({ translation: 'translated', pair, sync: 'On' }) as const),
  ].map((each) => ({
    ...each,
    name: `${each.translation}, ExpectationSync ${each.sync}, ${each.pair.name}`,
  }));

  test.concurrent.each(cases)('goes on through the failover: $name', async (each) => {
    await withFtp(each, async (lab, session) => {
      await lab.failover({ commit: true });
      expect(await retrieve(session)).toBe(COMPLETE);
      expect(session.files()).toEqual([FILE]);
    });
  });

  test.concurrent.each(PAIRS)(
    'stops where only the flows are committed, until the expectations are: $name',
    async (pair) => {
      await withFtp({ pair, translation: 'untranslated', sync: 'On' }, async (lab, session) => {
        await lab.failover({ commit: false });
        await lab.b.node().command('-c', 'ct');
        expect(await retrieve(session)).toMatch(NO_WAY);
        expect(session.files()).toEqual([]);
        await lab.b.node().command('-c', 'expect');
        expect(await retrieve(session)).toBe(COMPLETE);
        expect(session.files()).toEqual([FILE]);
      });
    },
  );

  // The C program's commit leaves the translation out, so what the server opens ends at the firewall.
  test.concurrent.each(C_BACKUPS)(
    'stops where a C backup commits a translated expectation: $name',
    async (pair) => {
      await withFtp({ pair, translation: 'translated', sync: 'On' }, async (lab, session) => {
        await lab.failover({ commit: true });
        expect(await lab.b.conntrack('-L', 'expect')).toContain(`dport=${session.dataPort} `);
        expect(await retrieve(session)).toMatch(NO_WAY);
      });
    },
  );

  // Where the address changes its length the kernel shifts all further sequence numbers. It reports that to who reads
  // its table, and in no event. Our primary reads it by itself.
  test.concurrent.each(OUR_BACKUPS)(
    'goes on with shifted sequence numbers once the primary has read its table: $name',
    async (pair) => {
      await withFtp(
        { pair, translation: 'translated to a shorter address', sync: 'On' },
        async (lab, session) => {
          if (pair.primary === cProgram) {
            for (const word of ['-R', '-B']) await lab.a.node().command(word);
          } else {
            await until('the shifted flow was read', async () => {
              const { runtime } = JSON.parse(await lab.a.node().command('-s', 'runtime', '--json'));
              return runtime.recheck.shifted > 0;
            });
          }
          // FT-FW keeps the order: who has this one has all that was sent before.
          await lab.replicated(await lab.connect());
          await lab.failover({ commit: true });
          expect(await retrieve(session)).toBe(COMPLETE);
          expect(session.files()).toEqual([FILE]);
        },
      );
    },
  );

  test('two C nodes lose the control connection too when sequence numbers are shifted', async () => {
    const each = { pair: C_PAIR, translation: 'translated to a shorter address', sync: 'On' } as const;
    await withFtp(each, async (lab, session) => {
      await lab.failover({ commit: true });
      await expect(retrieve(session, HOPELESS)).rejects.toThrow('(last answer: undefined)');
    });
  });
});

describe.each(['UDP', 'Multicast'] as const)('two sync links, %s', (transport) => {
  test.concurrent.each(PAIRS)(
    'replication moves to the second and back to the first: $name',
    async (pair) => {
      await withLab({ ...TRANSLATED, syncLinks: 2 }, async (lab) => {
        await startPair(lab, pair, alike({ mode: 'FTFW', transport }));
        const connections: TcpConnection[] = [];
        const connectAndReplicate = async () => {
          const connection = await lab.connect();
          connections.push(connection);
          await lab.replicated(connection);
        };
        await connectAndReplicate();
        await lab.settled();
        await lab.a.setLinks('down', 'sync0');
        await connectAndReplicate();
        await lab.a.setLinks('up', 'sync0');
        await lab.a.setLinks('down', 'sync1');
        await connectAndReplicate();
        await lab.failover({ commit: true });
        for (const connection of connections) expect(await connection.exchange()).toMatchObject({ ok: true });
      });
    },
  );
});
