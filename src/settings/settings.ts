/** Our own settings, checked: what the C program's configuration file has no word for. */
export interface Settings {
  readonly failover: FailoverSettings;
  readonly peer: PeerSettings;
}

export interface PeerSettings {
  /** The version of conntrack-tools that the peers run, `1.4.N`; undefined: it is recognised on the wire. */
  readonly version: string | undefined;
  /** Whether connection labels are replicated: sent, and taken from the peers. */
  readonly labels: boolean;
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
  peer: { version: undefined, labels: true },
};
