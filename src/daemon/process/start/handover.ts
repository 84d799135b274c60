import { readSync } from 'node:fs';

/** A file as it was read. */
export interface SourceText {
  readonly path: string;
  readonly text: string;
}

/**
 * All that the process which becomes the daemon gets from the one that the user called. The files are read there, once: a pipe
 * can be read only once, and the daemon has another working directory and no standard input.
 */
export interface Handover {
  readonly configuration: SourceText;
  /** When the configuration was last changed, before it was read: decimal nanoseconds since 1970. */
  readonly modifiedNs: string;
  /** Of the process that read it; relative paths begin here. */
  readonly directory: string;
  /** Null: there is no settings file. */
  readonly settings: SourceText | null;
  /** The program's arguments, for the command line that `ps` shows. */
  readonly args: readonly string[];
}

/** One line of JSON. */
export function handoverLine(handover: Handover): string {
  return `${JSON.stringify(handover)}\n`;
}

/** Reads a {@link handoverLine} from a blocking descriptor. @throws Error if there is none */
export function readHandover(fd: number): Handover {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.alloc(65_536);
    const size = readSync(fd, chunk);
    if (size === 0) throw new Error('the configuration was not handed over');
    chunks.push(chunk.subarray(0, size));
    if (chunk[size - 1] === 10) return JSON.parse(Buffer.concat(chunks).toString()) as Handover;
  }
}
