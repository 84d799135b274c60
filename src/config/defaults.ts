/** Values of settings that the file leaves out or sets to 0: conntrack-tools' conntrackd.h and read_config_yy.y. */
export const DEFAULTS = {
  configFile: '/etc/conntrackd/conntrackd.conf',
  lockFile: '/var/lock/conntrackd.lock',
  logFile: '/var/log/conntrackd.log',
  statsLogFile: '/var/log/conntrackd-stats.log',
  syslogFacility: 'daemon',
  hashSize: 65536,
  hashLimit: 262144,
  cacheTimeout: 180,
  purgeTimeout: 60,
  refreshTime: 60,
  resendQueueSize: 131072,
  ackWindowSize: 300,
  eventIterationLimit: 100,
  overrunResync: 30,
  errorQueueLength: 128,
  // Without a Type, C takes SCHED_RR at its highest priority, whatever Priority is.
  scheduler: { type: 'rr', priority: 99 },
  // Debian builds conntrackd with libsystemd, and such a build turns the support on.
  systemd: true,
} as const;

/** Bounds, as C has them where it has any. */
export const LIMITS = {
  /** Characters in a configuration file; C has no bound. */
  fileSize: 1 << 20,
  /** Bytes of LogFile and LockFile (FILENAME_MAXLEN). */
  pathLength: 256,
  /** Bytes of UNIX { Path }: a UNIX socket's address holds 108 with the NUL. */
  unixPathLength: 107,
  /** IFNAMSIZ less the NUL. */
  interfaceNameLength: 15,
  /** CTD_HELPER_NAME_LEN, and the kernel's NF_CT_HELPER_NAME_LEN. */
  helperNameLength: 16,
  links: 4,
  /** Type clauses inside one another; C has no bound. */
  helperNesting: 16,
} as const;
