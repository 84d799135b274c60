import { beforeAll, describe, expect, test } from 'vitest';
import { VRRP_RULES } from '../../sim/netns/keepalived.ts';
import { type Firewall, missingForLab, until, withLab } from '../../sim/netns/lab.ts';
import { COUNT, failOver } from './held-failover.ts';

// docs/failover.md, "Rules first": which rule sets reset connections in a failover, and what mends them.

beforeAll(() => {
  expect(missingForLab(['conntrackd', 'keepalived'])).toEqual([]);
});

const ACCEPTING = 'add rule inet lab incoming accept\n';
const NOT_SYN = 'tcp flags & (fin|syn|rst|ack) != syn ct state new counter name stateless drop';
const INVALID = 'ct state invalid counter name stateless drop';

/** The two rules in both chains, before what accepts. */
const MENDED = `
add counter inet lab stateless
insert rule inet lab incoming ${NOT_SYN}
insert rule inet lab incoming ${INVALID}
insert rule inet lab forwarding ${NOT_SYN}
insert rule inet lab forwarding ${INVALID}
`;

const HALF_MENDED = `
add counter inet lab stateless
insert rule inet lab incoming ${INVALID}
`;

function labWith(rules: string, loose: 0 | 1) {
  return {
    withoutVirtualAddresses: true,
    rules: `${VRRP_RULES}${ACCEPTING}${rules}`,
    sysctl: { 'net.netfilter.nf_conntrack_tcp_loose': loose },
  };
}

async function statelessDropped({ namespace }: Firewall): Promise<number> {
  const text = await namespace.must('nft', ['list', 'counter', 'inet', 'lab', 'stateless']);
  return Number(/packets (\d+)/.exec(text)![1]);
}

describe('a failover between firewalls whose input accepts, with the commit held up', () => {
  test.each([0, 1] as const)(
    'resets nothing where the rules drop what belongs to no connection (tcp_loose %i)',
    async (loose) => {
      await withLab(labWith(MENDED, loose), async (lab) => {
        const { open, ended } = await failOver(lab, '', async () => {
          await until('dropped packets', async () => (await statelessDropped(lab.b)) >= COUNT, 20_000);
        });
        expect(ended).toEqual({});
        expect(open).toBe(COUNT);
      });
    },
  );

  test('resets connections where only invalid packets are dropped and the kernel picks up the middle of connections', async () => {
    await withLab(labWith(HALF_MENDED, 1), async (lab) => {
      const { open } = await failOver(lab, '', async (crowd) => {
        await until('a reset at the server', () => crowd.endedAtServer() > 0, 20_000);
      });
      expect(open).toBeLessThan(COUNT);
    });
  });
});
