import type { ConntrackdNode, Firewall } from '../../sim/netns/lab.ts';
import type { Kind } from '../figure.ts';
import { PROGRAMS } from './pair.ts';

/** The words of a client command to a node. */
function words(kind: Kind, node: ConntrackdNode, args: readonly string[]): string[] {
  const { command, args: before } = PROGRAMS[kind];
  return [command, ...before, '-C', node.paths.configuration, ...args];
}

/** Runs a client command in the firewall's namespace with its output into a file. */
export async function clientInto(
  kind: Kind,
  firewall: Firewall,
  file: string,
  args: readonly string[],
): Promise<void> {
  const script = 'out=$1; shift; exec "$@" > "$out"';
  await firewall.namespace.must('sh', ['-c', script, 'sh', file, ...words(kind, firewall.node(), args)]);
}

/** Runs a client command so many times, one after the other, without its output. */
export async function clientTimes(
  kind: Kind,
  firewall: Firewall,
  times: number,
  args: readonly string[],
): Promise<void> {
  const script = 'n=$1; shift; while [ $n -gt 0 ]; do "$@" > /dev/null || exit 1; n=$((n-1)); done';
  const all = words(kind, firewall.node(), args);
  await firewall.namespace.must('sh', ['-c', script, 'sh', String(times), ...all]);
}
