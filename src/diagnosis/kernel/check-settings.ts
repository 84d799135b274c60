/** The kernel: ctnetlink, its settings and its helpers. */

import { printable } from '../../config/error.ts';
import type { Facts, SettingName } from '../../facts/facts.ts';
import { configOf } from '../configured.ts';
import { type Finding, ok, problem, unseen, warning } from '../finding.ts';

/** Flows to a bucket in a full table, above which every look-up is slow. */
const CHAIN_MAX = 8;

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

/** Whether flows have a zone in one direction alone: the protocol has one zone for both. */
export function checkZones({ ctnetlink }: Facts): Finding[] {
  if (ctnetlink.kind !== 'answers' || typeof ctnetlink.table === 'string') return [];
  const { directionalZones } = ctnetlink.table;
  if (directionalZones === 0) return [];
  const found = `${directionalZones} flows are in a zone in one direction alone: they are not replicated`;
  return [
    warning('zones', found, "use nft's `ct zone set`, without `original` or `reply`, for what is to survive"),
  ];
}

export function checkHashLimit(facts: Facts): Finding[] {
  const config = configOf(facts);
  const max = facts.settings['net.netfilter.nf_conntrack_max'];
  const count = facts.settings['net.netfilter.nf_conntrack_count'] ?? 0;
  if (config === undefined || config.mode === 'helper' || max === undefined) return [];
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
    if (value === 0)
      return problem(name, '0: the kernel tells nobody of its flows', 'let it tell', `sysctl -w ${name}=1`);
    if (value === 1) return ok(name, '1: every flow makes events');
    const late = 'its end is noticed up to 10 minutes late; with 1 every flow makes events';
    return ok(name, `${value}: a flow that began while no program listened makes no events, so ${late}`);
  },
  'net.netfilter.nf_conntrack_tcp_loose': (value, facts) => {
    const name = 'net.netfilter.nf_conntrack_tcp_loose';
    if (value === 0 || configOf(facts)?.mode !== 'sync') return ok(name, String(value));
    const found = `${value}: after a failover the kernel may pick up a connection in its middle, without its translation, before the replicated one is committed`;
    return warning(name, found, 'switch it off, and keep it off in /etc/sysctl.d', `sysctl -w ${name}=0`);
  },
  'net.netfilter.nf_conntrack_tcp_be_liberal': (value, facts) => {
    const name = 'net.netfilter.nf_conntrack_tcp_be_liberal';
    const config = configOf(facts);
    const tracks = config?.mode === 'sync' && config.sync.options.tcpWindowTracking;
    if (value === 0 || !tracks) return ok(name, String(value));
    const found = `${value}: TCP windows are not checked, so TCPWindowTracking has no effect`;
    return warning(name, found, 'switch it off, or leave out TCPWindowTracking', `sysctl -w ${name}=0`);
  },
  'net.netfilter.nf_conntrack_acct': (value, facts) => {
    const name = 'net.netfilter.nf_conntrack_acct';
    if (value !== 0) return ok(name, String(value));
    if (configOf(facts)?.mode !== 'stats') return ok(name, '0: traffic is not counted');
    return warning(
      name,
      '0: the log of flows has no packets and bytes',
      'let it count',
      `sysctl -w ${name}=1`,
    );
  },
  'net.netfilter.nf_conntrack_helper': (value) => {
    const name = 'net.netfilter.nf_conntrack_helper';
    if (value === 0) return ok(name, '0: helpers are assigned by rules');
    const found = `${value}: helpers are assigned to every flow on their port, whoever opened it`;
    return warning(name, found, 'switch it off, and assign helpers with rules', `sysctl -w ${name}=0`);
  },
  'net.netfilter.nf_conntrack_buckets': (value, { settings }) => {
    const name = 'net.netfilter.nf_conntrack_buckets';
    const max = settings['net.netfilter.nf_conntrack_max'];
    if (max === undefined || value === 0 || max / value <= CHAIN_MAX) return ok(name, String(value));
    const found = `${value}, ${Math.round(max / value)} flows to a bucket in a full table: look-ups are slow`;
    const advice = 'raise it, in the first network namespace';
    return warning(name, found, advice, `sysctl -w ${name}=${Math.ceil(max / 4)}`);
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
  const ours = config.helper?.helpers ?? [];
  return config.sync.options.expectationSync.map((helper) => {
    const name = printable(helper);
    const check = `helper ${name}`;
    if (ours.some((ourHelper) => ourHelper.name === helper.toLowerCase())) {
      return ok(check, 'in user space, by the Helper clause');
    }
    const module = HELPER_MODULES[helper.toLowerCase()] ?? `nf_conntrack_${name.toLowerCase()}`;
    if (facts.helperModules.includes(module)) return ok(check, `${module} is there`);
    const found = `${module} is not loaded: expectations of this helper cannot be committed`;
    return warning(check, found, `modprobe ${module}, at boot, on both nodes`);
  });
}
