import { errnoText } from '../../system/errno.ts';

/** A record that the kernel would not take. */
export interface InjectionFailure {
  readonly item: 'flow' | 'expectation';
  /** What the message asked for. */
  readonly asked: 'create' | 'update' | 'destroy';
  /** What failed in the end; `replace` is to create it after it was removed. */
  readonly step: 'create' | 'replace' | 'destroy';
  /** Positive errno. */
  readonly errno: number;
  readonly record: Uint8Array;
}

export interface InjectionFailures {
  readonly described: readonly InjectionFailure[];
  /** Failures beyond those. */
  readonly more: number;
}

/** The C node's log line about a failure (`external_inject.c`), without the flow that it prints after it. */
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
