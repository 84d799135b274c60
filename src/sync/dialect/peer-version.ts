/** Versions of conntrack-tools whose messages differ from those of 1.4.7 and later, by their third number. */
const FIRST_WITH_SYNPROXY = 5;
const FIRST_WITH_ADDRESS_ORDER = 7;

/** The oldest version that knows translated IPv6 addresses. */
export const OLDEST_VERSION = '1.4.4';
/** A peer that is recognised on the wire counts as the newest version that it can be. */
export const NEWEST_OLD_VERSION = '1.4.6';

/** What the messages of a version of conntrackd are like. */
export interface PeerVersion {
  /** As conntrackd -v prints it: `1.4.6`. */
  readonly name: string;
  /**
   * Up to 1.4.6 a little-endian machine swaps the bytes of SNAT_IPV4 and DNAT_IPV4 (mended by upstream's b55717d), leaves the
   * ports out of TCP, SCTP and DCCP messages without a state (d51d6dd), and takes a message with ZONE for malformed
   * (a08af5d).
   */
  readonly isOld: boolean;
  /** Up to 1.4.4 a message with SYNPROXY counts as malformed. */
  readonly knowsSynproxy: boolean;
}

/** The version `1.4.N` of conntrack-tools; undefined if this is none from 1.4.4 on. */
export function peerVersion(name: string): PeerVersion | undefined {
  const digits = /^1\.4\.(\d{1,3})$/.exec(name)?.[1];
  const number = Number(digits);
  if (digits === undefined || number < 4) return undefined;
  return {
    name,
    isOld: number < FIRST_WITH_ADDRESS_ORDER,
    knowsSynproxy: number >= FIRST_WITH_SYNPROXY,
  };
}
