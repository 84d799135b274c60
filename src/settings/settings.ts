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
}

/** What a hot standby (DisableExternalCache) does beyond C's. */
export interface StandbySettings {
  /** Keep in our kernel what the peer has not ended. */
  readonly keep: boolean;
  /** Seconds from one resync with the peer to the next; 0: none but those that have a cause. */
  readonly resyncSeconds: number;
}

/** A VRRP instance (`vrrp_instance NAME`) or sync group (`vrrp_sync_group NAME`) of keepalived.conf. */
export interface KeepalivedSource {
  readonly kind: 'instance' | 'group';
  readonly name: string;
}

/** What holds without a settings file: the C program's behaviour. */
export const DEFAULT_SETTINGS: Settings = {
  failover: { keepalivedFifo: undefined, source: undefined },
  standby: { keep: false, resyncSeconds: 300 },
};
