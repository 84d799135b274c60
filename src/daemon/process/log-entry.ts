/** Priorities as the C node writes them into its log lines. */
export type Priority = 'info' | 'notice' | 'warning' | 'ERROR';

/** The kinds of lines that have values. docs/json.md says what each is about, and which fields it has. */
export const LOG_EVENTS = [
  'bulk',
  'caches_flushed',
  'commit_begins',
  'commit_done',
  'commit_entries',
  'commit_entry_failed',
  'commit_failures',
  'commit_skipped',
  'configuration',
  'control_socket',
  'datagrams_refused',
  'dead_dropped',
  'descriptors_back',
  'descriptors_exhausted',
  'event_buffer',
  'event_buffer_limited',
  'event_loop',
  'event_read_failed',
  'failover_failed',
  'fifo_failed',
  'fifo_line_malformed',
  'flow_log_failed',
  'flow_log_lost',
  'flow_log_works',
  'flush_refused',
  'guard_failed',
  'guard_lapsed',
  'guard_lifted',
  'guard_raised',
  'guard_ready',
  'guard_recreated',
  'guard_renewed_late',
  'guard_takeover_ended',
  'guard_waiting',
  'helper_configured',
  'helper_failed',
  'helpers_missing',
  'initialized',
  'injection_failed',
  'keepalived_fifo_failed',
  'keepalived_listening',
  'kernel_failed',
  'kernel_flush',
  'kernel_flush_scheduled',
  'kernel_resync',
  'kernel_resync_unsupported',
  'key_file_read',
  'key_file_refused',
  'link_changed',
  'link_reopened',
  'log_lines_left_out',
  'log_lines_lost',
  'malformed',
  'memory_limit_low',
  'memory_near_limit',
  'metrics_failed',
  'metrics_reachable',
  'no_client_fifos',
  'no_link',
  'overrun_buffer_at_limit',
  'overrun_buffer_doubled',
  'peer_back',
  'peer_old',
  'peer_refused',
  'peer_restarted',
  'peer_silent',
  'privileges_kept',
  'recheck_found',
  'request_failed',
  'resync_requested',
  'resync_requested_by_peer',
  'role_change',
  'standby_removed',
  'standby_resync',
  'standby_strays_left',
  'start_failed',
  'started',
  'stopping',
  'systemd',
  'takeover_begins',
  'takeover_incomplete',
] as const;
export type LogEvent = (typeof LOG_EVENTS)[number];

/**
 * What a line says in words, once more as values: `event` names the kind of line, and never changes; the other
 * names end with their unit (`_ms`, `_bytes`, `_seconds`), or are counts of what they name. Names of {@link LogEntry}'s own
 * fields in JSON (`time`, `level`, `message`, `pid`, `host`) are not taken.
 */
export interface LogFields {
  readonly event: LogEvent;
  /** The flow or the expectation that the line is about, as text. In text it has a line of its own, as C's. */
  readonly subject?: string | undefined;
  readonly [name: string]: string | number | boolean | undefined;
}

/** A line of the log before it is laid out. */
export interface LogEntry {
  readonly time: Date;
  readonly pid: number;
  readonly priority: Priority;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

/** Writes one line of some priority. */
export type WriteLine = (text: string, fields?: LogFields) => void;
