import type { Writable } from 'node:stream';
import { TextCollector } from '../control/client.ts';
import { jsonForm, Request } from '../control/codes.ts';
import { inSyncText, type ReplicationStatistics } from '../control/replication.ts';
import { runRequest } from './request.ts';
import { say } from './say.ts';

interface Streams {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/**
 * `-s --in-sync`: prints whether the node has all that its peers have, or why not. Resolves to the exit code: 0 if it has, 1 if
 * it has not, does not know, or could not be asked.
 */
export async function runInSync(path: string, { stdout, stderr }: Streams): Promise<0 | 1> {
  const answer = new TextCollector();
  const code = await runRequest(path, jsonForm(Request.STATISTICS)!, answer, stderr);
  if (code !== 0) return code;
  const { replication } = JSON.parse(answer.text || '{}') as { replication?: ReplicationStatistics };
  if (replication === undefined) {
    say('ERROR', 'the daemon did not say whether it is in sync: it is a C node, or does not replicate');
    return 1;
  }
  stdout.write(inSyncText(replication));
  return replication.inSync ? 0 : 1;
}
