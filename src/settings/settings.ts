/** Our own settings, checked: what the C program's configuration file has no word for. */
export interface Settings {
  readonly failover: FailoverSettings;
  readonly standby: StandbySettings;
}

export interface FailoverSettings {
  /** keepalived's notify FIFO; undefined: keepalived is not listened to. */
  readonly keepalivedFifo: string | undefined;
  /** Whose lines of the FIFO count; undefined: those of every instance and group. */
  readonly source: KeepalivedSource | undefined;
  /** undefined: no guard. */
  readonly guard: GuardSettings | undefined;
}

/** A VRRP instance (`vrrp_instance NAME`) or sync group (`vrrp_sync_group NAME`) of keepalived.conf. */
export interface KeepalivedSource {
  readonly kind: 'instance' | 'group';
  readonly name: string;
}

export interface GuardSettings {
  /** Names of the interfaces whose incoming packets wait for the commit; at least one. */
  readonly interfaces: readonly string[];
  /** Addresses and networks (`192.0.2.1`, `2001:db8::/64`) that are let through, as source or destination. */
  readonly allow: readonly string[];
  /** The guard is lifted after so many seconds in any case. */
  readonly maxSeconds: number;
}

export interface StandbySettings {
  /** Whether a flow that our kernel lets time out is put back as long as the peer has not ended it. */
  readonly keep: boolean;
}

/** What holds without a settings file: the C program's behaviour. */
export const DEFAULT_SETTINGS: Settings = {
  failover: { keepalivedFifo: undefined, source: undefined, guard: undefined },
  standby: { keep: false },
};
