import { beforeAll, describe, expect, test } from 'vitest';
import { inside } from '../../sim/netns/kernel-lab.ts';
import { missingForLab, type Namespace } from '../../sim/netns/lab.ts';
import { createNamespace } from '../../sim/netns/namespace.ts';
import { openScope } from '../../sim/netns/scope.ts';
import { GuardTable, type GuardTableOptions } from '../../src/kernel/nftables/guard-table.ts';
import { parseAllowedTraffic } from '../../src/settings/allowed-traffic.ts';
import { libc } from '../../src/system/libc.ts';

beforeAll(() => {
  expect(missingForLab([])).toEqual([]);
});

async function inNamespace(work: (host: Namespace) => Promise<void>): Promise<void> {
  const scope = openScope();
  try {
    await work(await createNamespace(scope, 'host'));
  } finally {
    await scope.close();
  }
}

const OPTIONS: GuardTableOptions = { interfaces: ['in0'], allow: [], timeoutMs: 10_000 };
const makeTable = ({ name }: Namespace, options: Partial<GuardTableOptions> = {}) =>
  inside(name, () => new GuardTable(libc(), { ...OPTIONS, ...options }));

/** The table as nft shows it, without what differs from run to run. */
async function shown(host: Namespace): Promise<string> {
  const { stdout } = await host.run('nft', ['list', 'ruleset']);
  return stdout.replace(/ # progname .*/, '').replace(/expires \w+/g, 'expires SOON');
}

describe('the table of the guard', () => {
  test('is what it should be to nft', async () => {
    await inNamespace(async (host) => {
      const allow = [
        '192.0.2.0/24',
        '192.0.0.0/9',
        '2001:db8::1',
        'tcp 22',
        'udp 500-510 from 2001:db8::/33',
        'sctp from 192.0.2.7',
        'icmp',
        'esp',
      ].map(parseAllowedTraffic);
      const table = makeTable(host, { interfaces: ['out0.7'], allow });
      table.setOwnAddresses([Uint8Array.of(192, 0, 2, 1), Uint8Array.of(0xfd, ...new Array(14).fill(0), 9)]);
      table.renew();
      expect(await shown(host)).toBe(`table inet conntrackd-ts {
	flags owner
	comment "drops what arrives at a new primary before its flows are committed"

	counter dropped {
		packets 0 bytes 0
	}

	counter own {
		packets 0 bytes 0
	}

	set guarded {
		type ifname
		timeout 10s
		elements = { "out0.7" expires SOON }
	}

	set own4 {
		type ipv4_addr
		elements = { 192.0.2.1 }
	}

	set own6 {
		type ipv6_addr
		elements = { fd00::9 }
	}

	chain guard {
		type filter hook prerouting priority -190; policy accept;
		iifname != @guarded accept
		meta pkttype broadcast accept
		meta pkttype multicast accept
		meta l4proto vrrp accept
		meta l4proto ah accept
		ip daddr @own4 counter name "own" accept
		ip6 daddr @own6 counter name "own" accept
		ip6 daddr fe80::/10 accept
		icmpv6 type 133-137 accept
		ip saddr 192.0.2.0/24 accept
		ip saddr 192.0.0.0/9 accept
		ip6 saddr 2001:db8::1 accept
		tcp dport 22 accept
		ip6 saddr 2001:db8::/33 udp dport 500-510 accept
		ip saddr 192.0.2.7 meta l4proto sctp accept
		meta l4proto icmp accept
		meta l4proto esp accept
		ct state established,related accept
		counter name "dropped" drop
	}
}
`);
      table.lift();
      expect(await shown(host)).not.toContain('out0');
      table.close();
      expect(await shown(host)).toBe('');
    });
  });

  test('forgets the interfaces by itself, unless they are renewed', async () => {
    await inNamespace(async (host) => {
      const table = makeTable(host, { timeoutMs: 600 });
      const began = performance.now();
      while (performance.now() - began < 1500) {
        table.renew();
        expect(await shown(host)).toContain('"in0" expires SOON');
      }
      const renewed = performance.now();
      while ((await shown(host)).includes('in0')) expect(performance.now() - renewed).toBeLessThan(5000);
      table.close();
    });
  });

  test('belongs to one process, and nobody else can change or remove it', async () => {
    await inNamespace(async (host) => {
      const table = makeTable(host);
      table.renew();
      expect(() => makeTable(host)).toThrow('another process owns the table inet conntrackd-ts');
      const before = await shown(host);
      await host.must('nft', ['flush', 'ruleset']);
      expect(await shown(host)).toBe(before);
      for (const command of [
        'delete table inet conntrackd-ts',
        'flush set inet conntrackd-ts guarded',
        'insert rule inet conntrackd-ts guard accept',
      ]) {
        expect(await host.run('nft', command.split(' '))).toMatchObject({
          code: 1,
          stderr: expect.stringContaining('Operation not permitted'),
        });
      }
      expect(await shown(host)).toBe(before);
      table.close();
      await host.must('nft', ['add', 'table', 'inet', 'conntrackd-ts']);
      expect(() => makeTable(host)).toThrow('there is a table inet conntrackd-ts already');
    });
  });

  test('takes thousands of own addresses', async () => {
    await inNamespace(async (host) => {
      const table = makeTable(host);
      const many = Array.from({ length: 5000 }, (_, n) => Uint8Array.of(10, 0, n >> 8, n & 255));
      table.setOwnAddresses(many);
      expect((await shown(host)).match(/\b10\.0\.\d+\.\d+/g)).toHaveLength(5000);
      table.setOwnAddresses([]);
      expect(await shown(host)).not.toContain('10.0.');
      expect(table.counters()).toEqual({ dropped: { packets: 0, bytes: 0 }, own: { packets: 0, bytes: 0 } });
      table.close();
    });
  });
});
