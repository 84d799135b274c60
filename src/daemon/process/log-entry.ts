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
  'digest_differs',
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
  'hello_refused',
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
  // What each is, and its unit: scripts/json-schema/log.mjs.
  readonly action?: string | undefined;
  readonly address?: string | undefined;
  readonly asked_by?: 'keepalived' | 'command' | undefined;
  readonly buffer_bytes?: number | undefined;
  readonly buffer_limit_bytes?: number | undefined;
  readonly cache?: 'all' | 'internal' | 'external' | undefined;
  readonly cause?: string | undefined;
  readonly changed?: number | undefined;
  readonly committed?: number | undefined;
  readonly configured_bytes?: number | undefined;
  readonly delay_seconds?: number | undefined;
  readonly dropped_bytes?: number | undefined;
  readonly dropped_packets?: number | undefined;
  readonly elapsed_ms?: number | undefined;
  readonly ended?: number | undefined;
  readonly errno?: number | undefined;
  readonly failed?: number | undefined;
  readonly flows?: number | undefined;
  readonly hellos_total?: number | undefined;
  readonly helper?: string | undefined;
  readonly interface?: string | undefined;
  readonly interfaces?: string | undefined;
  readonly keys?: number | undefined;
  readonly kind?: 'entries' | 'expectations' | undefined;
  readonly known_flows?: number | undefined;
  readonly late_ms?: number | undefined;
  readonly limit_bytes?: number | undefined;
  readonly lines?: number | undefined;
  readonly lines_total?: number | undefined;
  readonly link?: string | undefined;
  readonly listen?: string | undefined;
  readonly longest_ms?: number | undefined;
  readonly messages?: number | undefined;
  readonly messages_total?: number | undefined;
  readonly overruns_total?: number | undefined;
  readonly packets?: number | undefined;
  readonly path?: string | undefined;
  readonly peer_flows?: number | undefined;
  readonly place?: string | undefined;
  readonly queue?: number | undefined;
  readonly raised_ms?: number | undefined;
  readonly reason?: string | undefined;
  readonly records?: number | undefined;
  readonly refused?: number | undefined;
  readonly refused_total?: number | undefined;
  readonly request?: number | undefined;
  readonly role?: 'primary' | 'backup' | 'fault' | undefined;
  readonly said_hello?: boolean | undefined;
  readonly scope?: 'all' | 'flows' | 'expectations' | undefined;
  readonly sender_address?: string | undefined;
  readonly silent_ms?: number | undefined;
  readonly source?: 'peers' | 'the kernel' | undefined;
  readonly stale_ms?: number | undefined;
  readonly step?: string | undefined;
  readonly table?: 'conntrack' | 'expect' | undefined;
  readonly takeover_ms?: number | undefined;
  readonly times_total?: number | undefined;
  readonly used_bytes?: number | undefined;
  readonly version?: string | undefined;
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
