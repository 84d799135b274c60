import { Writable } from 'node:stream';
import { askDaemon } from '../../../src/control/client.ts';

/** The answer to a request on a node's control socket. @throws Error if the node has died, or is silent for `timeout` ms */
export async function ask(path: string, request: number, timeout = 5_000): Promise<string> {
  const pieces: Buffer[] = [];
  const output = new Writable({
    write(piece: Buffer, _encoding, done) {
      pieces.push(piece);
      done();
    },
  });
  let late: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    late = setTimeout(() => {
      output.destroy();
      reject(new Error(`no answer to request ${request} within ${timeout} ms`));
    }, timeout);
  });
  try {
    await Promise.race([askDaemon(path, request, output), silence]);
  } finally {
    clearTimeout(late);
  }
  return Buffer.concat(pieces).toString('latin1');
}
