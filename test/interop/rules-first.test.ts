import { beforeAll, describe, expect, test } from 'vitest';
import { VRRP_RULES } from '../../sim/netns/keepalived.ts';
import { type Firewall, missingForLab, until, withLab } from '../../sim/netns/lab.ts';
import { COUNT, failOver } from './held-failover.ts';

// docs/failover.md, "Rules first": which rule sets reset connections in a failover, and what mends them.

beforeAll(() => {
  expect(missingForLab(['conntrackd', 'keepalived'])).toEqual([]);
});

const ACCEPT = 'add rule inet lab incoming accept';
const NOT_SYN = 'tcp flags & (fin|syn|rst|ack) != syn ct state new counter name stateless drop';
const INVALID = 'ct state invalid counter name stateless drop';

/** In `incoming`, before what accepts. */
const DROP_INVALID = `insert rule inet lab incoming ${INVALID}`;
/** The two rules in both chains. */
const MENDED = `
insert rule inet lab incoming ${NOT_SYN}
${DROP_INVALID}
insert rule inet lab forwarding ${NOT_SYN}
insert rule inet lab forwarding ${INVALID}
`;
/** Behind all rules of `incoming`, whose policy is to drop. */
const DROP_OTHERS = 'add rule inet lab incoming counter name stateless';
const REJECT = 'add rule inet lab incoming counter name stateless reject';
/** Of what the clients send, nothing passes while `in0` is in the set. */
const SERVER_FIRST = `
add set inet lab held { type ifname; }
insert rule inet lab forwarding iifname @held drop
`;
const REJECT_WITH_RST = 'add rule inet lab incoming meta l4proto tcp reject with tcp reset';

function labWith(loose: 0 | 1, ...rules: readonly string[]) {
  return {
    withoutVirtualAddresses: true,
    rules: [VRRP_RULES, 'add counter inet lab stateless', ...rules, ''].join('\n'),
    sysctl: { 'net.netfilter.nf_conntrack_tcp_loose': loose },
  };
}

async function statelessDropped({ namespace }: Firewall): Promise<number> {
  const text = await namespace.must('nft', ['list', 'counter', 'inet', 'lab', 'stateless']);
  return Number(/packets (\d+)/.exec(text)![1]);
}

describe('a failover with the commit held up', () => {
  test.each([
    ['input drops all that is not asked for', 0, [DROP_OTHERS]],
    ['input accepts, but drops what is invalid', 0, [DROP_INVALID, ACCEPT]],
    ['input and forward drop what is invalid, or TCP that begins without SYN', 0, [MENDED, ACCEPT]],
    ['input and forward drop what is invalid, or TCP that begins without SYN', 1, [MENDED, ACCEPT]],
    ['input rejects with ICMP', 0, [REJECT]],
  ] as const)('resets nothing where %s (tcp_loose %i)', async (_, loose, rules) => {
    await withLab(labWith(loose, ...rules), async (lab) => {
      const { open, ended } = await failOver(lab, '', async () => {
        await until('dropped packets', async () => (await statelessDropped(lab.b)) >= COUNT, 20_000);
      });
      expect(ended).toEqual({});
      expect(open).toBe(COUNT);
    });
  });

  test.each([
    ['input accepts, and drops only what is invalid', 1, [DROP_INVALID, ACCEPT]],
    ['input rejects with RST', 0, [REJECT_WITH_RST]],
  ] as const)(
    'resets connections on which the server speaks first where %s (tcp_loose %i)',
    async (_, loose, rules) => {
      await withLab(labWith(loose, SERVER_FIRST, ...rules), async (lab) => {
        // A connection that its client continues first is translated as before, most of the time: the kernel keeps the port.
        const nft = (...args: readonly string[]) => lab.b.namespace.must('nft', args);
        await nft('add', 'element', 'inet', 'lab', 'held', '{ in0 }');
        const { open } = await failOver(lab, '', async (crowd) => {
          await until('a reset at the server', () => crowd.endedAtServer() > 0, 20_000);
          await nft('flush', 'set', 'inet', 'lab', 'held');
        });
        expect(open).toBeLessThan(COUNT);
      });
    },
  );
});
