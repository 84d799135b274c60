/** What a helper may expect from one flow: at most `expectMax` expectations, each for `expectTimeout` seconds. */
export interface HelperPolicy {
  readonly name: string;
  readonly expectMax: number;
  readonly expectTimeout: number;
}

/** The helpers that conntrack-tools 1.4.7 brings, with the policy of each, by name and transport: `ftp/tcp`. */
export const POLICIES: ReadonlyMap<string, HelperPolicy> = new Map(
  (
    [
      ['amanda', 'udp', 3, 180],
      ['dhcpv6', 'udp', 1, 300],
      ['ftp', 'tcp', 1, 300],
      ['mdns', 'udp', 8, 30],
      ['rpc', 'tcp', 1, 300],
      ['rpc', 'udp', 1, 300],
      ['sane', 'tcp', 1, 300],
      // RFC 2608 13: answers may take CONFIG_MC_MAX, 15 s.
      ['slp', 'udp', 8, 16],
      ['ssdp', 'tcp', 8, 300],
      ['ssdp', 'udp', 8, 300],
      ['tftp', 'udp', 1, 300],
      ['tns', 'tcp', 1, 300],
    ] as const
  ).map(([name, transport, expectMax, expectTimeout]) => [
    `${name}/${transport}`,
    { name, expectMax, expectTimeout },
  ]),
);

/** The policy that a helper brings along; every one of them has exactly one. */
export function knownPolicy(name: string, transport: string): HelperPolicy | undefined {
  return POLICIES.get(`${name}/${transport}`);
}
