import { readFileSync, writeFileSync } from 'node:fs';

const FILE = '/proc/sys/net/nf_conntrack_max';

/**
 * Lets every kernel table of this machine hold at least `flows`. Returns a function that restores the old limit, unless
 * another process has changed it meanwhile. Never lowers the limit below its old value.
 */
export function raiseTableLimit(flows: number): () => void {
  const old = Number(readFileSync(FILE, 'latin1'));
  if (old >= flows) return () => {};
  writeFileSync(FILE, String(flows));
  return () => {
    if (Number(readFileSync(FILE, 'latin1')) === flows) writeFileSync(FILE, String(old));
  };
}
