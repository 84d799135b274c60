import { Writable } from 'node:stream';
import { askDaemon } from '../../src/control/client.ts';

/** Milliseconds a node has for its whole answer: it may be busy with a large table, on a machine that others use too. */
const PATIENCE = 120_000;

/**
 * Asks a node of either kind through its control socket, and returns the answer's text. A UNIX socket with a path is
 * reached from every network namespace, so this costs no process, and on a slow machine a client's start is most of what
 * a question takes.
 */
export async function askNode(controlSocket: string, request: number): Promise<string> {
  const chunks: Buffer[] = [];
  const collect = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  const timer = setTimeout(() => collect.destroy(new Error(`no answer within ${PATIENCE} ms`)), PATIENCE);
  await askDaemon(controlSocket, request, collect).finally(() => clearTimeout(timer));
  if (collect.errored) throw collect.errored;
  return Buffer.concat(chunks).toString('latin1');
}
