import { describe, expect, it } from 'vitest';
import { checkPair } from '../../src/diagnosis/node/check-pair.ts';
import type { Facts } from '../../src/facts/facts.ts';
import { factsJson, parseFacts } from '../../src/facts/facts-json.ts';
import { configuration, HEALTHY, LINK, SETTINGS } from './healthy.ts';
import { OURS, sides } from './running.ts';

const OTHER_LINK = LINK.replace('10.9.1.1', 'X').replace('10.9.1.2', '10.9.1.1').replace('X', '10.9.1.2');

/** The other node's facts, by way of its JSON. */
function other(changed: Partial<Facts> = {}): Facts {
  const facts = { ...HEALTHY, configuration: configuration({ link: OTHER_LINK }), ...changed };
  return parseFacts(JSON.stringify({ status: 0, facts: factsJson(facts) }));
}

const withFlows = (internal: number, external: number): Partial<Facts> => ({
  daemon: { ...OURS, flows: sides(internal, external) },
});

const bad = (own: Facts, there: Facts) =>
  checkPair(own, there).flatMap(({ level, found, commands = [] }) =>
    level === 'ok' ? [] : [`${level}: ${found.split(':')[0]} ${commands.join()}`.trim()],
  );

describe('a pair', () => {
  it('that is alike has nothing to be said about', () => {
    expect(bad(HEALTHY, other())).toEqual([]);
    expect(bad({ ...HEALTHY, ...withFlows(500, 20) }, other(withFlows(22, 480)))).toEqual([]);
  });

  it('has different modes, links that do not meet, or limits that differ', () => {
    const mode = configuration({ link: OTHER_LINK });
    const text = JSON.stringify({ facts: factsJson({ ...HEALTHY, configuration: mode }) });
    const notrack = parseFacts(text.replace('"mode":"ftfw"', '"mode":"notrack"'));
    expect(bad(HEALTHY, notrack)).toEqual(['problem: Mode ftfw here, notrack there']);
    const port = configuration({ link: OTHER_LINK.replace('3780', '3790') });
    expect(bad(HEALTHY, other({ configuration: port }))).toEqual([
      'problem: the link udp 10.9.1.1 to 10.9.1.2 port 3780 has no other end there',
      'problem: the link udp 10.9.1.1 to 10.9.1.2 port 3781 has no other end there',
    ]);
    const limit = configuration({ link: OTHER_LINK, general: 'HashLimit 1000000' });
    expect(bad(HEALTHY, other({ configuration: limit }))).toEqual([
      'warning: HashLimit is 524288 here, 1000000 there',
    ]);
    const filter = configuration({
      link: OTHER_LINK,
      general: 'Filter From Userspace { Address Ignore { IPv4_address 10.9.1.1 } }',
    });
    expect(bad(HEALTHY, other({ configuration: filter }))).toEqual(['warning: Filter is another one there']);
  });

  it('has kernels that are set differently', () => {
    const settings = { ...SETTINGS, 'net.netfilter.nf_conntrack_tcp_loose': 1 };
    expect(bad(HEALTHY, other({ settings }))).toEqual([
      'warning: net.netfilter.nf_conntrack_tcp_loose is 0 here, 1 there sysctl -w net.netfilter.nf_conntrack_tcp_loose=1',
    ]);
  });

  it('has caches that are not equal, and the direction says which command helps', () => {
    expect(bad({ ...HEALTHY, ...withFlows(20, 0) }, other(withFlows(0, 0)))).toEqual([
      'problem: our internal cache has 20 flows, their external cache 0 conntrackd-ts -C test.conf -B',
    ]);
    expect(bad({ ...HEALTHY, ...withFlows(0, 0) }, other(withFlows(20, 0)))).toEqual([
      'problem: their internal cache has 20 flows, our external cache 0 conntrackd-ts -C test.conf -n',
    ]);
  });
});

describe('the facts of another node', () => {
  it.each([
    ['no JSON', '{', 'it is no JSON'],
    ['another JSON', '{"a":1}', 'it has no `facts'],
    ['another version', '{"facts":{"version":99}}', 'version 99, expected 1'],
    ['half of it', '{"facts":{"version":1}}', 'not complete'],
  ])('are refused where they are %s', (_, text, message) => {
    expect(() => parseFacts(text)).toThrow(message);
  });
});
