/** What the maker of events is to do. */
export interface Work {
  readonly change: 'new' | 'update' | 'destroy';
  /** Number of the first flow. */
  readonly first: number;
  readonly count: number;
  /** Events a second; as fast as it goes if left out. */
  readonly rate?: number;
  readonly mark: number;
}

export interface Made {
  readonly seconds: number;
}
