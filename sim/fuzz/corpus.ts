import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { pack, unpack } from 'msgpackr';
import { inRepository } from './repository.ts';

/** Inputs that are kept, by target: each reached code that no other did, or broke something once. */
export type Corpus = ReadonlyMap<string, readonly Uint8Array[]>;

interface CorpusFile {
  readonly recorded: string;
  readonly inputs: Readonly<Record<string, readonly Uint8Array[]>>;
}

export const CORPUS_FILE: string = inRepository('vendor-fixtures', 'fuzz', 'corpus.msgpack');

/** The corpus in a file; an empty one if there is no such file. */
export function readCorpus(file: string = CORPUS_FILE): Corpus {
  if (!existsSync(file)) return new Map();
  const { inputs } = unpack(readFileSync(file)) as CorpusFile;
  return new Map(
    Object.entries(inputs).map(([target, kept]) => [target, kept.map((bytes) => Uint8Array.from(bytes))]),
  );
}

/** @param recorded how it came about, for people */
export function writeCorpus(corpus: Corpus, recorded: string, file: string = CORPUS_FILE): void {
  mkdirSync(dirname(file), { recursive: true });
  const inputs = Object.fromEntries(
    [...corpus].map(([target, kept]) => [target, kept.map((bytes) => Buffer.from(bytes))]),
  );
  writeFileSync(file, pack({ recorded, inputs } satisfies CorpusFile));
}
