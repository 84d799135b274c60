/** The doctor's checks: what was found, judged. Nothing here looks at the machine. */

import type { Config, GeneralConfig, LinkConfig } from '../../config/config.ts';
import { printable } from '../../config/error.ts';
import { formatAddress } from '../../flow/address.ts';
import { parseAddress } from '../../flow/parse-address.ts';
import { figuresOf } from './answers.ts';
import { checkEventLoop } from './check-event-loop.ts';
import type { Facts, InterfaceFact, SettingName } from './facts.ts';
import { type Finding, ok, problem, unseen, warning } from './finding.ts';
import type { TableSummary } from './table-summary.ts';

/** The oldest Node that is supported, `engines` of the package. */
export const OLDEST_NODE = 20;

/** The table's fill, in parts of 1, from which it is nearly full and as good as full. */
const NEARLY_FULL = 0.8;
const FULL = 0.95;
/** Flows to a bucket in a full table, above which every look-up is slow. */
const CHAIN_MAX = 8;
/** IPv6 needs this much of a link, and datagrams below it carry few messages. */
const MTU_MIN = 1280;

function configOf({ configuration }: Facts): Config | undefined {
  return 'parsed' in configuration ? configuration.parsed.config : undefined;
}

function linksOf(config: Config | undefined): readonly LinkConfig[] {
  return config?.mode === 'sync' ? config.sync.links : [];
}

function listed(counts: readonly (readonly [string, number])[]): string {
  return counts.map(([name, count]) => `${name} ${count}`).join(', ');
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}

export function checkNode({ node }: Facts): Finding[] {
  const check = 'Node';
  if (Number.parseInt(node, 10) >= OLDEST_NODE) return [ok(check, node)];
  return [problem(check, `version ${node}`, `install Node ${OLDEST_NODE} or newer`)];
}

export function checkNative({ nativeTrouble }: Facts): Finding[] {
  const check = 'system calls';
  if (nativeTrouble === undefined) return [ok(check, 'koffi is loaded')];
  return [problem(check, nativeTrouble, 'install the package anew on this machine, on 64-bit Linux')];
}

export function checkPrivileges({ privileges: { root, netAdmin } }: Facts): Finding[] {
  const check = 'privileges';
  if (netAdmin) return [ok(check, root ? 'root, with CAP_NET_ADMIN' : 'CAP_NET_ADMIN')];
  const advice = 'run it as root; the daemon needs CAP_NET_ADMIN';
  if (netAdmin === undefined) return [unseen(check, 'the capabilities of this process are not told', advice)];
  // Root without it, as in a container, is how the daemon would run too; another user only asks.
  if (root) return [problem(check, 'root, but without CAP_NET_ADMIN', 'give the container CAP_NET_ADMIN')];
  return [unseen(check, 'not root: what needs CAP_NET_ADMIN cannot be looked at', advice)];
}

export function checkCtnetlink({ ctnetlink, privileges, nativeTrouble }: Facts): Finding[] {
  const check = 'ctnetlink';
  if (ctnetlink.kind === 'answers') {
    return [ok(check, `answers; events can be had, with a buffer of ${ctnetlink.eventBuffer} bytes`)];
  }
  if (nativeTrouble !== undefined) return [unseen(check, 'cannot be asked without koffi')];
  if (!privileges.netAdmin && /EPERM|EACCES/.test(ctnetlink.message))
    return [unseen(check, ctnetlink.message)];
  return [problem(check, ctnetlink.message, 'modprobe nf_conntrack_netlink')];
}

export function checkConfiguration({ configuration, privileges }: Facts): Finding[] {
  const check = 'configuration';
  if ('trouble' in configuration) {
    if (!privileges.root && configuration.trouble.includes('EACCES')) {
      return [unseen(check, configuration.trouble, 'run it as root')];
    }
    return [problem(check, configuration.trouble, 'correct the file, or name another one with -C')];
  }
  const { path, parsed } = configuration;
  const { config, warnings } = parsed;
  const mode = config.mode === 'sync' ? `Mode ${config.sync.mode}` : 'Stats';
  const findings = [ok(check, `${path}: ${mode}`)];
  for (const { line, message } of warnings) {
    findings.push(warning(check, `line ${line}: ${printable(message)}`, 'see conntrackd.conf(5)'));
  }
  if (config.helper) {
    findings.push(
      problem(check, 'a Helper clause: this program has no user-space helpers', 'remove the clause'),
    );
  }
  if (config.general.unix.path === undefined) {
    findings.push(
      warning(check, 'no UNIX { Path }: nobody can ask the daemon anything', 'add UNIX { Path } to General'),
    );
  }
  if (config.mode === 'sync') findings.push(...checkNetlinkBuffer(check, config.general));
  return findings;
}

function checkNetlinkBuffer(check: string, { netlink, pollSeconds }: GeneralConfig): Finding[] {
  const { bufferSize, bufferSizeMaxGrowth } = netlink;
  if (pollSeconds !== undefined || (bufferSize > 0 && bufferSize <= bufferSizeMaxGrowth)) return [];
  return [
    warning(
      check,
      `NetlinkBufferSize (${bufferSize}) is not set, or above NetlinkBufferSizeMaxGrowth (${bufferSizeMaxGrowth}): the event buffer is the small one of the system`,
      'set NetlinkBufferSize 2097152 and NetlinkBufferSizeMaxGrowth 8388608, or more',
    ),
  ];
}

const EVERYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** The address that the interface must have; undefined where any will do. */
function ownAddress(link: LinkConfig): string | undefined {
  if (link.transport === 'multicast') return link.interfaceAddress;
  return EVERYWHERE.has(link.address) ? undefined : link.address;
}

/** An address in its one form. */
function canonical(address: string): string {
  const bytes = parseAddress(address);
  return formatAddress(bytes.length === 4 ? 4 : 6, bytes, 0);
}

function checkLink(link: LinkConfig, device: InterfaceFact | undefined): Finding {
  const check = `link ${printable(link.interface)}`;
  const place = `Interface in line ${link.line}'s link`;
  if (device === undefined) {
    return problem(check, 'there is no such interface', `create it, or correct ${place}`);
  }
  if (!device.up) return problem(check, 'the interface is down', `ip link set ${link.interface} up`);
  if (!device.running)
    return problem(check, 'the interface has no carrier', 'look at the cable and the peer');
  if (link.transport === 'multicast' && !device.multicast) {
    return problem(check, 'the interface has no multicast', `ip link set ${link.interface} multicast on`);
  }
  const own = ownAddress(link);
  const addresses = device.addresses.map(canonical);
  if (own !== undefined && !addresses.includes(canonical(own))) {
    const has = device.addresses.length === 0 ? 'none' : device.addresses.join(', ');
    return problem(check, `it has not the address ${own}, but ${has}`, `give it ${own}, or correct the link`);
  }
  if (link.transport !== 'multicast' && addresses.includes(canonical(link.destination))) {
    return problem(check, `the peer's address ${link.destination} is our own`, 'name the other node there');
  }
  const mtu = device.mtu === undefined ? '' : `, MTU ${device.mtu}`;
  if (device.mtu !== undefined && device.mtu < MTU_MIN) {
    return warning(check, `MTU ${device.mtu}`, `raise it to ${MTU_MIN} or more, on both nodes`);
  }
  return ok(check, `${link.transport}, up${mtu}${own === undefined ? '' : `, ${own}`}`);
}

export function checkLinks(facts: Facts): Finding[] {
  const links = linksOf(configOf(facts));
  const findings = links.map((link) => checkLink(link, facts.interfaces[link.interface]));
  if (links.length === 1) {
    findings.push(
      warning('links', 'one link only: nothing is replicated while it is broken', 'add a second one'),
    );
  }
  return findings;
}

const POSSIBLE_BUFFERS = [
  ['receiveBuffer', 'RcvSocketBuffer', 'net.core.rmem_max'],
  ['sendBuffer', 'SndSocketBuffer', 'net.core.wmem_max'],
] as const;

/** The system's limits of socket buffers hold for a daemon without CAP_NET_ADMIN, socket(7). */
export function checkBuffers(facts: Facts): Finding[] {
  const links = linksOf(configOf(facts));
  return POSSIBLE_BUFFERS.flatMap(([field, clause, setting]) => {
    const asked = Math.max(0, ...links.map((link) => link[field]));
    const limit = facts.settings[setting];
    if (asked === 0) return [];
    if (limit === undefined) return [unseen(setting, 'not to be read in this network namespace')];
    if (limit >= asked) return [ok(setting, `${limit}, ${clause} asks for ${asked}`)];
    if (facts.privileges.netAdmin) {
      return [ok(setting, `${limit}, less than ${clause} ${asked}: CAP_NET_ADMIN overrides it`)];
    }
    return [warning(setting, `${limit}, less than ${clause} ${asked}`, `sysctl -w ${setting}=${asked}`)];
  });
}

export function checkLock({ lock, socket, configuration }: Facts): Finding[] {
  if (lock === undefined || !('parsed' in configuration)) return [];
  const check = 'lock file';
  const path = configuration.parsed.config.general.lockFile;
  if (!lock.exists) {
    if (socket === 'listening') {
      const advice = 'another one can be started beside it: stop it, and start it anew';
      return [warning(check, `${path} is missing, though a daemon answers`, advice)];
    }
    return [ok(check, `${path} is free`)];
  }
  const owner = lock.pid === undefined ? '' : ` by process ${lock.pid}`;
  if (socket === 'listening' || lock.locked) return [ok(check, `${path} is held${owner}`)];
  if (lock.pid === undefined) {
    const advice = `if no conntrackd runs: rm ${path}`;
    return [problem(check, `${path} is there, but no daemon answers: it keeps one from starting`, advice)];
  }
  if (lock.locked === undefined) return [unseen(check, `${path}: whether it is held is not told`)];
  return [ok(check, `${path} was left by process ${lock.pid}; the next daemon takes it over`)];
}

export function checkSocket({ socket, configuration }: Facts): Finding[] {
  if (socket === undefined || !('parsed' in configuration)) return [];
  const check = 'control socket';
  const path = configuration.parsed.config.general.unix.path;
  switch (socket) {
    case 'listening':
      return [ok(check, `a daemon listens on ${path}`)];
    case 'absent':
      return [ok(check, `no daemon runs: ${path} is not there`)];
    case 'stale':
      return [ok(check, `no daemon runs: ${path} was left behind, and is taken over by the next one`)];
    case 'denied':
      return [unseen(check, `no permission for ${path}`, 'run it as root')];
    case 'no-socket':
      return [problem(check, `${path} is no socket`, 'remove it, or name another Path in UNIX')];
  }
}

export function checkProcesses({ processes, socket }: Facts): Finding[] {
  const check = 'processes';
  const near = processes.filter(({ here }) => here === true);
  const text = near.map(({ pid, name }) => `${printable(name)} (${pid})`).join(', ');
  const elsewhere = processes.filter(({ here }) => here === false).length;
  const untold = processes.length - near.length - elsewhere;
  let others = elsewhere === 0 ? '' : `; ${elsewhere} in other network namespaces`;
  if (untold > 0) others += `; ${untold} of which it is not told in which network namespace`;
  if (near.length > 1) {
    const advice = 'if they are two nodes with the same links, stop one';
    return [warning(check, `${near.length} nodes run here: ${text}${others}`, advice)];
  }
  if (near.length === 1 && (socket === 'absent' || socket === 'stale')) {
    const advice = 'it has another configuration; name it with -C, or stop it';
    return [warning(check, `${text} runs, but not on this configuration's control socket${others}`, advice)];
  }
  return [ok(check, (near.length === 0 ? 'no node is known to run here' : text) + others)];
}

export function checkDaemon({ daemon, socket }: Facts): Finding[] {
  if (socket !== 'listening') return [];
  const advice = 'look at its log; try conntrackd -s';
  if (daemon === undefined) return [problem('daemon', 'it does not answer within seconds', advice)];
  const figures = figuresOf(daemon);
  const findings: Finding[] = [];
  if (figures.overruns) {
    const buffer = `${figures.overruns} times events were lost, with a buffer of ${figures.eventBuffer} bytes`;
    const raise = 'raise NetlinkBufferSize and NetlinkBufferSizeMaxGrowth';
    findings.push(warning('daemon: events', buffer, raise));
  }
  if (figures.eventsFailed) {
    const text = `${figures.eventsFailed} events could not be read`;
    findings.push(warning('daemon: events', text, 'look at the log'));
  }
  for (const [cache, count] of figures.noSpace) {
    if (count === 0) continue;
    const text = `${count} records were refused by the ${cache} cache: HashLimit was reached`;
    findings.push(problem('daemon: HashLimit', text, 'raise HashLimit, and start the daemon anew'));
  }
  for (const { name, elements, maximum, noSpace } of figures.queues) {
    if (noSpace > 0) {
      const text = `queue ${name} was full ${noSpace} times, and holds ${elements} of ${maximum} now`;
      const raise = name === 'rsqueue' ? 'raise ResendQueueSize' : 'look at the link';
      findings.push(warning('daemon: queues', text, raise));
    }
  }
  if (figures.lost) {
    const text = `${figures.lost} messages from the peer were lost`;
    findings.push(warning('daemon: messages', text, 'raise RcvSocketBuffer; look at the link for loss'));
  }
  if (figures.malformed) {
    const text = `${figures.malformed} messages were malformed`;
    findings.push(
      warning('daemon: messages', text, 'capture the link and read it with conntrackd-ts decode'),
    );
  }
  for (const { device, status, active, packetsReceived, errorsSent, errorsReceived } of figures.links) {
    const check = `daemon: link ${device}`;
    if (status !== 'RUNNING') {
      const advice = 'look at the interface, the cable, the peer';
      findings.push((active ? problem : warning)(check, status, advice));
    } else if (active && packetsReceived === 0) {
      findings.push(
        warning(check, 'nothing came from the peer', 'is it running, with the same port and addresses?'),
      );
    }
    if (errorsSent + errorsReceived > 0) {
      const text = `${errorsSent} errors on sending, ${errorsReceived} on receiving`;
      findings.push(warning(check, text, 'is a packet filter in the way? is the peer up?'));
    }
  }
  return findings.length === 0
    ? [ok('daemon', 'answers: nothing lost, refused or malformed since it started')]
    : findings;
}

function summaryText({ flows, whole, kinds, sources }: TableSummary): string {
  if (flows === 0) return '';
  const part = whole ? '' : ` (of the first ${flows})`;
  return `: ${listed(kinds)}; most from ${listed(sources)}${part}`;
}

/** How full the kernel's table is. */
export function checkTable({ settings, ctnetlink }: Facts): Finding[] {
  const check = 'connection table';
  const count = settings['net.netfilter.nf_conntrack_count'];
  const max = settings['net.netfilter.nf_conntrack_max'];
  if (count === undefined || max === undefined) {
    const advice = 'modprobe nf_conntrack';
    return [problem(check, 'net.netfilter.nf_conntrack_* is not there: nothing is tracked', advice)];
  }
  const table =
    ctnetlink.kind === 'answers' && typeof ctnetlink.table !== 'string' ? summaryText(ctnetlink.table) : '';
  const fill = max === 0 ? 0 : count / max;
  const found = `${count} of ${max || 'any number of'} flows${max === 0 ? '' : ` (${percent(count, max)})`}${table}`;
  if (fill < NEARLY_FULL) return [ok(check, found)];
  const advice =
    'raise net.netfilter.nf_conntrack_max (and HashLimit with it); a single source or state that dominates points to a flood or to a timeout that is too long';
  return [(fill < FULL ? warning : problem)(check, found, advice)];
}

export function checkHashLimit(facts: Facts): Finding[] {
  const config = configOf(facts);
  const max = facts.settings['net.netfilter.nf_conntrack_max'];
  const count = facts.settings['net.netfilter.nf_conntrack_count'] ?? 0;
  if (config === undefined || max === undefined) return [];
  const { hashLimit } = config.general;
  const nodes = config.mode === 'sync' ? ', on both nodes' : '';
  const advice = `set HashLimit to ${2 * max}, twice net.netfilter.nf_conntrack_max${nodes}`;
  if (hashLimit < count) {
    return [problem('HashLimit', `${hashLimit}, and the kernel has ${count} flows already`, advice)];
  }
  if (hashLimit < max) {
    const lost = config.mode === 'sync' ? 'not replicated' : 'not kept';
    const found = `${hashLimit}, and the kernel may have ${max} flows: those above it are ${lost}`;
    return [warning('HashLimit', found, advice)];
  }
  return [ok('HashLimit', `${hashLimit}, the kernel may have ${max} flows`)];
}

/** Whether the kernel tracks at all: it does so only in a network namespace whose rules ask for a state. */
export function checkTracking({ settings, rules }: Facts): Finding[] {
  const check = 'tracking';
  const count = settings['net.netfilter.nf_conntrack_count'];
  if (count === undefined) return [];
  if (count > 0) return [ok(check, 'flows are tracked')];
  if (rules) return [ok(check, 'no flow now; the rules ask for the state of connections')];
  const advice =
    "add a rule that asks for the state of a connection, such as nft's `ct state established,related accept'";
  if (rules === undefined) {
    return [unseen(check, 'no flow now, and the rules cannot be read: perhaps nothing is tracked', advice)];
  }
  return [warning(check, 'no flow, and no rule here asks for a state: nothing is tracked', advice)];
}

type SettingCheck = (value: number, facts: Facts) => Finding;

const SETTING_CHECKS: Readonly<Partial<Record<SettingName, SettingCheck>>> = {
  'net.netfilter.nf_conntrack_events': (value) => {
    const name = 'net.netfilter.nf_conntrack_events';
    if (value !== 0) return ok(name, String(value));
    return problem(name, '0: the kernel tells nobody of its flows', `sysctl -w ${name}=1`);
  },
  'net.netfilter.nf_conntrack_tcp_loose': (value, facts) => {
    const name = 'net.netfilter.nf_conntrack_tcp_loose';
    if (value === 0 || configOf(facts)?.mode !== 'sync') return ok(name, String(value));
    const found = `${value}: after a failover the kernel may begin a connection anew from its middle, without its translation, before the replicated one is committed`;
    return warning(name, found, `sysctl -w ${name}=0`);
  },
  'net.netfilter.nf_conntrack_tcp_be_liberal': (value, facts) => {
    const name = 'net.netfilter.nf_conntrack_tcp_be_liberal';
    const config = configOf(facts);
    const tracks = config?.mode === 'sync' && config.sync.options.tcpWindowTracking;
    if (value === 0 || !tracks) return ok(name, String(value));
    const found = `${value}: TCP windows are not checked, so TCPWindowTracking has no effect`;
    return warning(name, found, `sysctl -w ${name}=0, or leave out TCPWindowTracking`);
  },
  'net.netfilter.nf_conntrack_acct': (value, facts) => {
    const name = 'net.netfilter.nf_conntrack_acct';
    if (value !== 0) return ok(name, String(value));
    if (configOf(facts)?.mode !== 'stats') return ok(name, '0: traffic is not counted');
    return warning(name, '0: the log of flows has no packets and bytes', `sysctl -w ${name}=1`);
  },
  'net.netfilter.nf_conntrack_helper': (value) => {
    const name = 'net.netfilter.nf_conntrack_helper';
    if (value === 0) return ok(name, '0: helpers are assigned by rules');
    const found = `${value}: helpers are assigned to every flow on their port, whoever opened it`;
    return warning(name, found, `sysctl -w ${name}=0, and assign helpers with rules`);
  },
  'net.netfilter.nf_conntrack_buckets': (value, { settings }) => {
    const name = 'net.netfilter.nf_conntrack_buckets';
    const max = settings['net.netfilter.nf_conntrack_max'];
    if (max === undefined || value === 0 || max / value <= CHAIN_MAX) return ok(name, String(value));
    const found = `${value}, ${Math.round(max / value)} flows to a bucket in a full table: look-ups are slow`;
    return warning(name, found, `sysctl -w ${name}=${Math.ceil(max / 4)} (in the first network namespace)`);
  },
};

export function checkSettings(facts: Facts): Finding[] {
  return Object.entries(SETTING_CHECKS).flatMap(([name, check]) => {
    const value = facts.settings[name as SettingName];
    return value === undefined ? [] : [check(value, facts)];
  });
}

/** The kernel's module of a helper, by the name that ExpectationSync has it by. */
const HELPER_MODULES: Readonly<Record<string, string>> = {
  ras: 'nf_conntrack_h323',
  'q.931': 'nf_conntrack_h323',
  'h.245': 'nf_conntrack_h323',
  'netbios-ns': 'nf_conntrack_netbios_ns',
};

/** Committed expectations and flows need their helper in the kernel. */
export function checkHelpers(facts: Facts): Finding[] {
  const config = configOf(facts);
  if (config?.mode !== 'sync' || typeof config.sync.options.expectationSync === 'boolean') return [];
  return config.sync.options.expectationSync.map((helper) => {
    const name = printable(helper);
    const check = `helper ${name}`;
    const module = HELPER_MODULES[helper.toLowerCase()] ?? `nf_conntrack_${name.toLowerCase()}`;
    if (facts.helperModules.includes(module)) return ok(check, `${module} is there`);
    const found = `${module} is not loaded: expectations of this helper cannot be committed`;
    return warning(check, found, `modprobe ${module}, at boot, on both nodes`);
  });
}

export function checkClock({ clock: { now, installed } }: Facts): Finding[] {
  const check = 'clock';
  const text = new Date(now).toISOString();
  if (installed === undefined || now >= installed) return [ok(check, text)];
  const found = `${text}, before this program was installed`;
  return [warning(check, found, 'set it (NTP): logs of the two nodes cannot be compared')];
}

/** Every check, in the order in which a person would look. */
export const CHECKS: readonly ((facts: Facts) => Finding[])[] = [
  checkNode,
  checkNative,
  checkEventLoop,
  checkPrivileges,
  checkCtnetlink,
  checkConfiguration,
  checkLinks,
  checkBuffers,
  checkLock,
  checkSocket,
  checkProcesses,
  checkDaemon,
  checkTracking,
  checkTable,
  checkHashLimit,
  checkSettings,
  checkHelpers,
  checkClock,
];
