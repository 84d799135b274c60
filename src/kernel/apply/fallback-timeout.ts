/**
 * Seconds for an entry that has no timeout of its own: its record has none, or what is left of it is negative. The C node commits the
 * latter with the same 60 seconds (`cache-ct.c`, `cache_ct_commit_step`).
 */
export const FALLBACK_TIMEOUT_S = 60;
