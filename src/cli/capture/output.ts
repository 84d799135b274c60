import type { Writable } from 'node:stream';

/** The reader of our output went away. */
export class OutputClosed extends Error {}

/** Resolves as soon as the output takes more. @throws OutputClosed */
export type Write = (text: string) => Promise<void>;

/** Writes as fast as the reader takes it. */
export function writer(output: Writable): Write {
  let closed = false;
  let wake: (() => void) | undefined;
  const gone = () => {
    closed = true;
    wake?.();
  };
  output.on('error', gone);
  output.on('close', gone);
  output.on('drain', () => wake?.());
  return async (text) => {
    if (closed) throw new OutputClosed();
    if (output.write(text)) return;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
    if (closed) throw new OutputClosed();
  };
}
