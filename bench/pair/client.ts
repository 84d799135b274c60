import type { ConntrackdNode, Firewall } from '../../sim/netns/lab.ts';
import type { Contender } from '../figure.ts';
import { PROGRAMS } from './pair.ts';

/** The words of a client command for a node. */
function words(contender: Contender, node: ConntrackdNode, args: readonly string[]): string[] {
  const { command, args: before } = PROGRAMS[contender];
  return [command, ...before, '-C', node.paths.configuration, ...args];
}

/** Runs a client command in the firewall's namespace and writes its output to a file. */
export async function clientInto(
  contender: Contender,
  firewall: Firewall,
  file: string,
  args: readonly string[],
): Promise<void> {
  const script = 'out=$1; shift; exec "$@" > "$out"';
  await firewall.namespace.must('sh', ['-c', script, 'sh', file, ...words(contender, firewall.node(), args)]);
}

/** Runs a client command several times, one after the other, and discards its output. */
export async function clientTimes(
  contender: Contender,
  firewall: Firewall,
  times: number,
  args: readonly string[],
): Promise<void> {
  const script = 'n=$1; shift; while [ $n -gt 0 ]; do "$@" > /dev/null || exit 1; n=$((n-1)); done';
  const all = words(contender, firewall.node(), args);
  await firewall.namespace.must('sh', ['-c', script, 'sh', String(times), ...all]);
}
