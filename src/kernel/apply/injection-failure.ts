import { errnoText } from '../../system/errno.ts';

/** A record that the kernel rejected. */
export interface InjectionFailure {
  readonly item: 'flow' | 'expectation';
  /** What the peer's message requested. */
  readonly asked: 'create' | 'update' | 'destroy';
  /** The step that failed in the end; `replace` means creating the entry again after removing it. */
  readonly step: 'create' | 'replace' | 'destroy';
  /** Positive errno. */
  readonly errno: number;
  readonly record: Uint8Array;
}

export interface InjectionFailures {
  readonly described: readonly InjectionFailure[];
  /** Number of further failures. */
  readonly more: number;
}

/** The C node's log line for a failure (`external_inject.c`), without the flow that follows it. */
export function injectionFailureText({ item, asked, step, errno }: InjectionFailure): string {
  const entry = item === 'flow' ? 'ct entry' : 'exp entry';
  const reason = errnoText(errno);
  switch (asked) {
    case 'create':
      return step === 'destroy'
        ? `could not add new ${entry}, even when deleting it first: ${reason}`
        : `could not add new ${entry}: ${reason}`;
    case 'update':
      if (step === 'create') return `could not update ${entry}, even if creating it instead: ${reason}`;
      if (step === 'replace') return `could not update ${entry}, even when deleting it first: ${reason}`;
      return `could not update ${entry}: ${reason}`;
    case 'destroy':
      return `could not ${item === 'flow' ? 'destroy' : 'delete'} ${entry}: ${reason}`;
  }
}

/** Failures that are described between two calls of `take`; further ones are only counted. */
const DESCRIBED_MAX = 100;

/** Collects failures until somebody takes them. */
export class FailureLog {
  private described: InjectionFailure[] = [];
  private more = 0;

  /** Adds a failure about the record `bytes[start, end)`, which is copied. */
  add(failure: Omit<InjectionFailure, 'record'>, bytes: Uint8Array, start: number, end: number): void {
    if (this.described.length === DESCRIBED_MAX) this.more++;
    else this.described.push({ ...failure, record: bytes.slice(start, end) });
  }

  take(): InjectionFailures {
    const taken = { described: this.described, more: this.more };
    this.described = [];
    this.more = 0;
    return taken;
  }
}
