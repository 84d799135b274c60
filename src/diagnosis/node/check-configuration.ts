/** conntrackd.conf, and the links that it names. */

import type { GeneralConfig, LinkConfig } from '../../config/config.ts';
import { printable } from '../../config/error.ts';
import { unsupportedSettings } from '../../daemon/process/unsupported.ts';
import type { Facts, InterfaceFact } from '../../facts/facts.ts';
import { formatAddress } from '../../flow/address.ts';
import { parseAddress } from '../../flow/parse-address.ts';
import { configOf, linksOf } from '../configured.ts';
import { type Finding, ok, problem, unseen, warning } from '../finding.ts';

/** IPv6 needs this much of a link, and datagrams below it carry few messages. */
const MTU_MIN = 1280;

/** The modes that replicate nothing. */
const OTHER_MODES = { stats: 'Stats', helper: 'Helper alone' };

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
  const mode = config.mode === 'sync' ? `Mode ${config.sync.mode}` : OTHER_MODES[config.mode];
  const findings = [ok(check, `${path}: ${mode}`)];
  for (const { line, message } of warnings) {
    findings.push(warning(check, `line ${line}: ${printable(message)}`, 'see conntrackd.conf(5)'));
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

export function checkSettingsFile(facts: Facts): Finding[] {
  const { settingsFile: file } = facts;
  const check = 'settings file';
  if (file.state === 'absent') return [ok(check, `none (${file.path} would be read)`)];
  if (file.state === 'unusable')
    return [problem(check, file.why, 'correct it: the daemon does not start with it')];
  const config = configOf(facts);
  const unsupported = config && unsupportedSettings(config, file.ours);
  if (unsupported !== undefined)
    return [problem(check, unsupported, 'correct it: the daemon does not start with it')];
  return [
    ok(
      check,
      file.ours.standby.keep ? `${file.path}, a hot standby keeps the other node's flows` : file.path,
    ),
  ];
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
