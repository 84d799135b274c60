import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Capture, ConntrackdNode, Firewall } from '../netns/lab.ts';
import type { Stage } from './stage.ts';

const ANSWER_TIMEOUT_MS = 5_000;
const FILES = ['conntrackd.conf', 'conntrackd-ts.toml', 'log'] as const;
const DUMPS = {
  'statistics.txt': [['-s'], ['-s', 'network'], ['-s', 'cache'], ['-s', 'link'], ['-s', 'queue']],
  'internal.txt': [['-i'], ['-i', 'expect']],
  'external.txt': [['-e'], ['-e', 'expect']],
} as const;

async function answersOf(node: ConntrackdNode, requests: readonly (readonly string[])[]): Promise<string> {
  const parts: string[] = [];
  for (const args of requests) {
    const answer = await node
      .client(args, { timeout: ANSWER_TIMEOUT_MS })
      .then(({ stdout, stderr }) => `${stdout}${stderr}`)
      .catch((error: Error) => `${error.message}\n`);
    parts.push(`# ${args.join(' ')}\n${answer}`);
  }
  return parts.join('\n');
}

/** The node that was started last; undefined if none came up. */
function lastNode(firewall: Firewall): ConntrackdNode | undefined {
  try {
    return firewall.node();
  } catch {
    return undefined;
  }
}

async function keepFirewall(role: string, firewall: Firewall, laboratory: string, directory: string) {
  const folders = readdirSync(laboratory).filter((name) => new RegExp(`^${firewall.side}\\d+$`).test(name));
  const kept = (folder: string) => join(directory, `${role}-${folder.slice(1)}`);
  for (const folder of folders) {
    mkdirSync(kept(folder), { recursive: true });
    for (const file of FILES) {
      const from = join(laboratory, folder, file);
      if (existsSync(from)) copyFileSync(from, join(kept(folder), file));
    }
  }
  const node = lastNode(firewall);
  if (node !== undefined) {
    const own = kept(basename(node.paths.directory));
    // With its standard error, which no file has.
    writeFileSync(join(own, 'log'), node.log());
    if (node.running()) {
      for (const [file, requests] of Object.entries(DUMPS)) {
        writeFileSync(join(own, file), await answersOf(node, requests));
      }
    }
  }
  const { stdout, stderr } = await firewall.namespace.run('conntrack', ['-L', '-o', 'extended']);
  writeFileSync(join(directory, `${role}-kernel.txt`), `${stdout}${stderr}`);
}

/**
 * Keeps what there is to see of a case that was played, before its laboratory closes: `reason.txt`, the primary's and the backup's
 * configuration and log (`primary-1`; one that started again has `primary-2`, too), their caches and statistics if they still
 * answer, the kernels' tables, and a pcap of each dedicated link.
 * @param directory is made; it must not be in use by another case
 */
export async function keepEvidence(
  { lab, primary, backup }: Stage,
  captures: readonly Capture[],
  reason: string,
  directory: string,
): Promise<void> {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'reason.txt'), `${reason}\n`);
  await keepFirewall('primary', primary, lab.directory, directory);
  await keepFirewall('backup', backup, lab.directory, directory);
  for (const [link, capture] of captures.entries()) {
    writeFileSync(join(directory, `sync${link}.pcap`), await capture.stop());
  }
}
