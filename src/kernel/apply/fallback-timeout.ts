/**
 * Timeout in seconds for an entry without a usable one: its record has none, or the remaining time is
 * negative. In the latter case the C node commits with the same 60 seconds (`cache-ct.c`,
 * `cache_ct_commit_step`).
 */
export const FALLBACK_TIMEOUT_S = 60;
