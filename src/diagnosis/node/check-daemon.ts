/** The daemon: its lock file, its control socket, its statistics. */

import { oldPeerText, refusedKeysText, refusedSendersText } from '../../control/statistics.ts';
import type { Facts } from '../../facts/facts.ts';
import { cachesOf } from '../daemon.ts';
import { type Finding, ok, problem, unseen, warning } from '../finding.ts';

export function checkLock({ lock, socket, configuration }: Facts): Finding[] {
  if (lock === undefined || !('parsed' in configuration)) return [];
  const check = 'lock file';
  const path = configuration.parsed.config.general.lockFile;
  if (!lock.exists) {
    if (socket === 'listening') {
      const advice = 'another one can be started beside it: stop it, and start it again';
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
  if (lock.locked === undefined) return [unseen(check, `${path}: whether it is locked is unknown`)];
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

export function checkDaemon({ daemon, socket }: Facts): Finding[] {
  if (socket !== 'listening') return [];
  const advice = 'look at its log; try conntrackd -s';
  if (daemon === undefined) return [problem('daemon', 'it does not answer within seconds', advice)];
  const { runtime = {}, network = {}, links = [], queues } = daemon;
  const findings: Finding[] = [];
  if (runtime.overruns) {
    const buffer = `${runtime.overruns} times events were lost, with a buffer of ${runtime.bufferSize} bytes`;
    const raise = 'raise NetlinkBufferSize and NetlinkBufferSizeMaxGrowth';
    findings.push(warning('daemon: events', buffer, raise));
  }
  if (runtime.eventsFailed) {
    const text = `${runtime.eventsFailed} events could not be read`;
    findings.push(warning('daemon: events', text, 'look at the log'));
  }
  for (const { name, createNoSpace } of cachesOf(daemon)) {
    if (!createNoSpace) continue;
    const text = `${createNoSpace} records were refused by the ${name} cache: HashLimit was reached`;
    findings.push(problem('daemon: HashLimit', text, 'raise HashLimit, and restart the daemon'));
  }
  for (const { name, elements, maximum, noSpace } of queues?.queues ?? []) {
    if (noSpace > 0) {
      const text = `queue ${name} was full ${noSpace} times, and holds ${elements} of ${maximum} now`;
      const raise = name === 'rsqueue' ? 'raise ResendQueueSize' : 'look at the link';
      findings.push(warning('daemon: queues', text, raise));
    }
  }
  if (network.lost) {
    const text = `${network.lost} messages from the peer were lost`;
    findings.push(warning('daemon: messages', text, 'raise RcvSocketBuffer; look at the link for loss'));
  }
  if (network.malformed) {
    const text = `${network.malformed} messages were malformed`;
    findings.push(
      warning('daemon: messages', text, 'capture the link and read it with conntrackd-ts decode'),
    );
  }
  if (network.peer?.old) {
    const advice = 'upgrade it to 1.4.7 or later; until then, set version in [peer] of the settings file';
    findings.push(warning('daemon: peer', oldPeerText(network.peer), advice));
  }
  const senders = refusedSendersText(links);
  if (senders !== undefined) {
    const advice =
      "if that is an address of the peer: name it in senders of [links] in the settings file; else see who sends to the link's port";
    findings.push(warning('daemon: senders', senders, advice));
  }
  const keys = refusedKeysText(links);
  if (keys !== undefined) {
    const advice = /sealed|other-key/.test(keys)
      ? 'give all nodes the same key_file in [links] of the settings file'
      : 'somebody on the link changes or repeats what nodes send: see who is on it';
    findings.push(warning('daemon: key', keys, advice));
  }
  for (const { device, status, active, packetsReceived, errorsSent, errorsReceived } of links) {
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
