/** The other node, as far as this one can tell. */

import type { Config } from '../../config/config.ts';
import type { Facts } from '../../facts/facts.ts';
import { timeText } from '../amounts.ts';
import { configOf } from '../configured.ts';
import { flowsIn } from '../daemon.ts';
import { type Finding, ok, problem, unseen, warning } from '../finding.ts';

/** FT-FW and NOTRACK say every second that they are alive. In seconds. */
const SILENT_S = 5;
const DEAD_S = 30;
/** A sample that is shorter says nothing of a silence. */
const SAMPLE_MIN_S = 4;

/** Seconds since the peer was heard; at least so long where only a sample tells; undefined where it is not known. */
export function peerSilence({ daemon, sample }: Facts): number | undefined {
  if (daemon === undefined) return undefined;
  const { receivedInSample, runtime, replication, links = [] } = daemon;
  const lastHeardMs = replication?.lastHeardMs;
  if (lastHeardMs !== undefined) return lastHeardMs / 1000;
  const isUnheard = links.every(({ packetsReceived }) => packetsReceived === 0);
  // Only ours tells when it started.
  if (isUnheard && runtime?.uptime !== undefined) return runtime.uptime;
  if (receivedInSample === 0 && sample !== undefined && sample.seconds >= SAMPLE_MIN_S) return sample.seconds;
  return receivedInSample === undefined || receivedInSample === 0 ? undefined : 0;
}

/** ALARM sends nothing but records, each again after RefreshTime. */
function silenceFactor(config: Config | undefined): number {
  if (config?.mode !== 'sync' || config.sync.mode !== 'alarm') return 1;
  return Math.max(1, (2 * config.sync.refreshTime) / SILENT_S);
}

export function checkPeer(facts: Facts): Finding[] {
  const config = configOf(facts);
  if (config?.mode !== 'sync' || facts.daemon === undefined) return [];
  const check = 'peer';
  const silence = peerSilence(facts);
  if (silence === undefined)
    return [unseen(check, 'whether it lives: look for longer', 'conntrackd-ts doctor --for 10s')];
  const factor = silenceFactor(config);
  if (silence < factor * SILENT_S) return [ok(check, 'is heard')];
  const found = `silent for ${timeText(silence)}: what happens now is not replicated`;
  const advice =
    'on the other node: is the daemon running (systemctl status conntrackd), with the same mode, port and group? is a packet filter in the way (port of the link)?';
  return [(silence < factor * DEAD_S ? warning : problem)(check, found, advice)];
}

/** Whether the external cache had what the peer said it has, which only a peer of ours says. */
export function checkDigest({ configuration, daemon }: Facts): Finding[] {
  const last = daemon?.replication?.comparisons?.last;
  if (last === undefined) return [];
  const check = 'external cache';
  const when = `${timeText(last.agoMs / 1000)} ago`;
  if (last.equal) return [ok(check, `had the flows of the peer, ${last.here}, ${when}`)];
  const found = `had ${last.here} flows of the peer, which had ${last.there}, ${when}: they were not the same`;
  const advice =
    'ask the peer for everything; if that does not last, look for what a limit or a filter leaves out';
  return [warning(check, found, advice, `conntrackd-ts -C ${configuration.path} -n`)];
}

/** Flows by which two counts may differ, in parts of 1 and in any case. */
const DRIFT_PART = 0.1;
const DRIFT_MIN = 100;

export function hasDrifted(one: number, other: number): boolean {
  return Math.abs(one - other) > Math.max(DRIFT_MIN, DRIFT_PART * Math.max(one, other));
}

/** Whether the internal cache has what the kernel has. A filter leaves out some of it. */
export function checkDrift(facts: Facts): Finding[] {
  const { configuration, daemon, settings } = facts;
  const config = configOf(facts);
  const internal = flowsIn(daemon, 'internal');
  const kernel = settings['net.netfilter.nf_conntrack_count'];
  if (config?.mode !== 'sync' || internal === undefined || kernel === undefined) return [];
  const check = 'caches';
  const tooMany = internal > kernel;
  if (!hasDrifted(kernel, internal) || (config.general.filter !== undefined && !tooMany))
    return [
      ok(check, `kernel ${kernel}, internal ${internal}, external ${flowsIn(daemon, 'external') ?? '-'}`),
    ];
  const found = `the kernel has ${kernel} flows, the internal cache ${internal}: ${tooMany ? 'the peer keeps flows that ended' : 'some are not replicated'}`;
  return [problem(check, found, 'read the table again', `conntrackd-ts -C ${configuration.path} -R`)];
}
