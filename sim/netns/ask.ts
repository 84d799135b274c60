import { Writable } from 'node:stream';
import { askDaemon } from '../../src/control/client.ts';
import { PATIENCE } from './patience.ts';

/** Milliseconds allowed for a node's whole answer: it may be busy with a large table, on a machine that others use too. */
const TIMEOUT_MS = 120_000 * PATIENCE;

/**
 * Sends a request to the control socket of a node of either kind, and returns the answer's text. Every network namespace
 * can reach a UNIX socket with a path, so this needs no process; on a slow machine a client's start is most of a request's
 * cost.
 * @param timeoutMs allowed for the whole answer
 */
export async function askNode(
  controlSocket: string,
  request: number,
  timeoutMs: number = TIMEOUT_MS,
): Promise<string> {
  const chunks: Buffer[] = [];
  const collect = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  const timer = setTimeout(() => collect.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  await askDaemon(controlSocket, request, collect).finally(() => clearTimeout(timer));
  if (collect.errored) throw collect.errored;
  return Buffer.concat(chunks).toString('latin1');
}
