import type { Writable } from 'node:stream';
import { TextCollector } from '../control/client.ts';
import type { CommitAnswer } from '../control/commit.ts';
import { runRequest } from './request.ts';
import { say } from './say.ts';

interface Streams {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/**
 * `-c --json`: prints what the commit came to. Resolves to the exit code: 1 if the daemon could not be asked, or if anything was
 * left uncommitted. Without `--json` the exit code is C's, which is 0 in that case.
 */
export async function runCommit(path: string, request: number, { stdout, stderr }: Streams): Promise<0 | 1> {
  const answer = new TextCollector();
  const code = await runRequest(path, request, answer, stderr);
  if (code !== 0) return code;
  const { text } = answer;
  if (text === '') {
    say(
      'ERROR',
      'the daemon did not say what the commit came to: it is a C node, keeps statistics only, or ended',
    );
    return 1;
  }
  stdout.write(text);
  const { kind, failed, complete } = JSON.parse(text) as CommitAnswer;
  return kind === 'done' && complete && failed === 0 ? 0 : 1;
}
