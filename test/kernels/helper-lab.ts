import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { cProgram, missingForLab, type Program, until } from '../../sim/netns/lab.ts';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import { type CommandResult, run, runOrThrow } from '../../sim/netns/process.ts';
import { openScope, processesIn } from '../../sim/netns/scope.ts';

const MODULES = [
  'nfnetlink_cthelper',
  'nfnetlink_queue',
  'nf_conntrack_netlink',
  'nft_ct',
  'nft_chain_nat',
  'nft_masq',
];
/** The kernel's own helpers, which other tests use, stand in the way of those of the same name. */
const KERNEL_HELPERS = /^nf_(?:nat|conntrack)_(?:ftp|tftp|amanda|sane) /gm;

export const CLIENT = { 4: '10.0.1.2', 6: 'fd00:1::2' } as const;
export const SERVER = { 4: '10.0.2.2', 6: 'fd00:2::2' } as const;
/** The firewall's address on the server's side. */
export const OUTSIDE = { 4: '10.0.2.1', 6: 'fd00:2::1' } as const;

export interface HelperClause {
  readonly name: string;
  readonly family: 4 | 6;
  readonly transport: 'tcp' | 'udp';
  readonly queueNum: number;
  readonly queueLen: number;
  readonly expectMax: number;
  /** Seconds. */
  readonly expectTimeout: number;
}

export const FTP: HelperClause = {
  name: 'ftp',
  family: 4,
  transport: 'tcp',
  queueNum: 3,
  queueLen: 1024,
  expectMax: 1,
  expectTimeout: 300,
};

/** As conntrackd.conf has them. */
export function helperBlock(helpers: readonly HelperClause[]): string {
  const types = helpers.map(
    ({
      name,
      family,
      transport,
      queueNum,
      queueLen,
      expectMax,
      expectTimeout,
    }) => `  Type ${name} ${layer3(family)} ${transport} {
    QueueNum ${queueNum}
    QueueLen ${queueLen}
    Policy ${name} {
      ExpectMax ${expectMax}
      ExpectTimeout ${expectTimeout}
    }
  }`,
  );
  return `Helper {\n${types.join('\n')}\n}\n`;
}

export function layer3(family: 4 | 6): string {
  return family === 4 ? 'inet' : 'inet6';
}

/** Loads what helpers in user space need, and removes helpers of the kernel. */
export async function prepareKernel(): Promise<void> {
  expect(missingForLab(['conntrackd', 'nfct', 'modprobe'])).toEqual([]);
  await runOrThrow('modprobe', ['-a', ...MODULES]);
  // In Debian's 6.12 it is part of nf_tables.
  await run('modprobe', ['-q', 'nft_objref']);
  await until('no helper of the kernel', async () => {
    const loaded = readFileSync('/proc/modules', 'utf8').match(KERNEL_HELPERS) ?? [];
    for (const module of loaded) await run('modprobe', ['-r', module.trim()]);
    return loaded.length === 0;
  });
}

/** The C program needs the helpers in the kernel before it starts. */
export async function addHelpersFor(program: Program, helpers: readonly HelperClause[]): Promise<void> {
  if (program !== cProgram) return;
  for (const { name, family, transport } of helpers)
    await runOrThrow('nfct', ['helper', 'add', name, layer3(family), transport]);
}

/** Deletes all helpers in user space, as soon as the kernel has removed the rules and flows that name them. */
export async function flushHelpers(): Promise<void> {
  await until('the helpers are deleted', async () => (await run('nfct', ['helper', 'flush'])).code === 0);
}

/** `client - firewall - server`, with a daemon that has nothing but helpers on the firewall. */
export interface HelperLab {
  readonly client: Namespace;
  readonly firewall: Namespace;
  readonly server: Namespace;
  readonly directory: string;
  readonly configuration: string;
  readonly lockFile: string;
  /** Writes the daemon's configuration anew. */
  configure(helpers: readonly HelperClause[]): void;
  /** Runs the program with the daemon's configuration on the firewall. */
  daemon(program: Program, ...args: readonly string[]): Promise<CommandResult>;
  start(program: Program): Promise<void>;
  stop(program: Program): Promise<void>;
  /** The lines of `conntrack -L expect` without the time that is left. */
  expectations(): Promise<string[]>;
  /** Removes everything, and all helpers in user space. */
  close(): Promise<void>;
}

export async function openHelperLab(): Promise<HelperLab> {
  await prepareKernel();
  const scope = openScope('uh');
  const [client, firewall, server] = [
    await createNamespace(scope, 'c'),
    await createNamespace(scope, 'f'),
    await createNamespace(scope, 's'),
  ];
  await firewall.ip(
    `link add client type veth peer name eth0 netns ${client.name}`,
    `link add server type veth peer name eth0 netns ${server.name}`,
    'addr add 10.0.1.1/24 dev client',
    'addr add fd00:1::1/64 dev client nodad',
    `addr add ${OUTSIDE[4]}/24 dev server`,
    `addr add ${OUTSIDE[6]}/64 dev server nodad`,
    'link set client up',
    'link set server up',
    // What the firewall itself sends to groups.
    'route add 224.0.0.0/4 dev server',
  );
  for (const [host, addresses, gateway] of [
    [client, CLIENT, ['10.0.1.1', 'fd00:1::1']],
    [server, SERVER, [OUTSIDE[4], OUTSIDE[6]]],
  ] as const) {
    await host.ip(
      `addr add ${addresses[4]}/24 dev eth0`,
      `addr add ${addresses[6]}/64 dev eth0 nodad`,
      'link set eth0 up',
      `route add default via ${gateway[0]}`,
      `route add ::/0 via ${gateway[1]}`,
    );
  }
  await firewall.sysctl({ 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 });
  const at = (suffix: string) => join(scope.directory, `fw.${suffix}`);
  /** What ran on the firewall before the daemon. */
  let others: ReadonlySet<number> = new Set();
  const lab: HelperLab = {
    client,
    firewall,
    server,
    directory: scope.directory,
    configuration: at('conf'),
    lockFile: at('lock'),
    configure: (helpers) =>
      writeFileSync(
        at('conf'),
        `${helperBlock(helpers)}General {
  LockFile ${at('lock')}
  UNIX { Path ${at('ctl')} }
  LogFile ${at('log')}
}
`,
      ),
    daemon: (program, ...args) => firewall.run(program.command, [...program.args, '-C', at('conf'), ...args]),
    async start(program) {
      others = new Set(processesIn(firewall.name));
      const { code, stderr } = await lab.daemon(program, '-d');
      expect({ code, stderr }).toMatchObject({ code: 0 });
    },
    async stop(program) {
      await lab.daemon(program, '-k');
      await until('the daemon ended', () => processesIn(firewall.name).every((pid) => others.has(pid)));
    },
    async expectations() {
      const list = (family: string) => firewall.must('conntrack', ['-L', 'expect', '-f', family]);
      const listed = `${await list('ipv4')}\n${await list('ipv6')}`;
      return listed
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.replace(/^\d+ /, ''))
        .sort();
    },
    async close() {
      await scope.close();
      await flushHelpers();
    },
  };
  return lab;
}
