import type { Stage } from './numbered-flow.ts';

/** The event maker's task. */
export interface Work {
  readonly change: 'new' | 'update' | 'destroy';
  /** Number of the first flow. */
  readonly first: number;
  readonly count: number;
  /** Events per second; as fast as possible if left out. */
  readonly rate?: number;
  readonly mark: number;
  /** How far the connections are; established if left out. */
  readonly stage?: Stage;
}

export interface Made {
  readonly seconds: number;
}
