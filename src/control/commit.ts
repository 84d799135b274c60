/** What a commit came to. One line of JSON, the answer to the JSON form of a request for a commit. */
export type CommitAnswer =
  | {
      readonly schema: number;
      readonly kind: 'done';
      readonly committed: number;
      /** Entries that the kernel refused. */
      readonly failed: number;
      readonly takenMs: number;
      /** False: the kernel stopped answering, or the daemon ended meanwhile. */
      readonly complete: boolean;
    }
  /** Another commit was under way, or there is nothing that could be committed. */
  | { readonly schema: number; readonly kind: 'skipped'; readonly failed: 0; readonly complete: false };
