/**
 * `conntrackd-ts/fuzzer`: hostile input for whatever reads the protocol, on a seed. Needs the package fast-check, an optional peer
 * dependency. docs/library.md says what is stable.
 */

import type * as Datagrams from './generated-datagrams.ts';
import type * as Generators from './generators.ts';

export { Random } from '../random.ts';
export { type FuzzOptions, fuzzTarget } from './fuzz-target.ts';
export { type Grammar, INPUT_MAX } from './input.ts';
export { type RecordKind, ReferenceReader, type Trouble } from './reference.ts';
export type { Finding } from './session.ts';
export { ensure, type Target, Violation } from './target.ts';

/** @throws Error in one line where fast-check is not installed */
async function withFastCheck<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const isMissing =
      (cause as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND' && /'fast-check'/.test(String(cause));
    if (!isMissing) throw cause;
    throw new Error('conntrackd-ts/fuzzer needs the package fast-check: npm install fast-check', { cause });
  }
}

const generators = await withFastCheck(() => import('./generators.ts'));
const datagrams = await withFastCheck(() => import('./generated-datagrams.ts'));

/** A fast-check arbitrary: any flow that a record holds whole. */
export const arbitraryFlow: typeof Generators.flow = generators.flow;
/** The same of expectations. */
export const arbitraryExpectation: typeof Generators.expectation = generators.expectation;
/** Well-formed datagrams of generated messages, to begin with. */
export const generatedDatagrams: typeof Datagrams.generatedDatagrams = datagrams.generatedDatagrams;
