/** Our own settings, checked: what the C program's configuration file has no word for. */
export interface Settings {
  readonly failover: FailoverSettings;
}

export interface FailoverSettings {
  /** keepalived's notify FIFO; undefined: keepalived is not listened to. */
  readonly keepalivedFifo: string | undefined;
  /** Whose lines of the FIFO count; undefined: those of every instance and group. */
  readonly source: KeepalivedSource | undefined;
}

/** A VRRP instance (`vrrp_instance NAME`) or sync group (`vrrp_sync_group NAME`) of keepalived.conf. */
export interface KeepalivedSource {
  readonly kind: 'instance' | 'group';
  readonly name: string;
}

/** What holds without a settings file: the C program's behaviour. */
export const DEFAULT_SETTINGS: Settings = {
  failover: { keepalivedFifo: undefined, source: undefined },
};
