/** One class of a helper's expectations: how many a master may have, and the timeout of each in seconds. */
export interface ExpectationPolicy {
  readonly most: number;
  readonly timeout: number;
}

const one = (most: number, timeout: number): readonly ExpectationPolicy[] => [{ most, timeout }];

/**
 * The helpers of Linux 6.18 by name, each with its classes (`nf_conntrack_expect_policy`) as the kernel
 * applies them.
 */
const POLICIES: Readonly<Record<string, readonly ExpectationPolicy[]>> = {
  ftp: one(1, 300),
  tftp: one(1, 300),
  irc: one(8, 300),
  // Signalling, audio, video, image.
  sip: [
    { most: 1, timeout: 180 },
    { most: 4, timeout: 180 },
    { most: 4, timeout: 180 },
    { most: 2, timeout: 180 },
  ],
  pptp: one(2, 300),
  amanda: one(4, 180),
  'netbios-ns': one(1, 3),
  snmp: one(1, 30),
  sane: one(1, 300),
  RAS: one(32, 240),
  'Q.931': one(20, 240),
};

export const HELPERS: readonly string[] = Object.keys(POLICIES);

/** The classes of a helper's expectations; an unknown helper gets FTP's. */
export function policiesOf(helper: string): readonly ExpectationPolicy[] {
  return POLICIES[helper] ?? POLICIES.ftp!;
}
