import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import { WordError } from '../../../src/cli/flows/filter/error.ts';
import { FILTER_HELP } from '../../../src/cli/flows/filter/help.ts';
import { parseFilter, passes } from '../../../src/cli/flows/filter/parse.ts';
import { FLAG_TERMS, VALUE_TERMS } from '../../../src/cli/flows/filter/terms.ts';
import { Status } from '../../../src/flow/status.ts';
import { context, DNS, flow, NOW, PING, SYN, TUNNEL, WEB } from './sample.ts';

const FLOWS = { web: flow(WEB), syn: flow(SYN), dns: flow(DNS), ping: flow(PING), tunnel: flow(TUNNEL) };

/** The names of the flows that pass. */
function passing(words: string): string {
  const filter = parseFilter([words]);
  return Object.entries(FLOWS)
    .filter(([, one]) => passes(filter, one, context))
    .map(([name]) => name)
    .join(' ');
}

describe('a filter', () => {
  test.each([
    ['', 'web syn dns ping tunnel'],
    ['all', 'web syn dns ping tunnel'],
    ['src 10.1.2.3', 'web ping'],
    ['src=10.1.2.3', 'web ping'],
    ['src 10.1.2.0/29', 'web syn ping'],
    ['src 0.0.0.0/0', 'web syn ping tunnel'],
    ['dst fd00::/16', 'dns'],
    ['host 203.0.113.10,2.2.2.2', 'web syn tunnel'],
    ['reply-dst 198.51.100.1', 'web'],
    ['dport 443', 'web'],
    ['dport 53,80', 'syn dns'],
    ['dport 50-100', 'syn dns'],
    ['port 5353', 'dns'],
    ['not port 80', 'web dns ping tunnel'],
    ['tcp', 'web syn'],
    ['proto 17', 'dns'],
    ['proto gre,icmp', 'ping tunnel'],
    ['ipv6', 'dns'],
    ['state established', 'web'],
    ['state syn-sent,established', 'web syn'],
    ['not state established', 'syn dns ping tunnel'],
    ['unreplied', 'syn tunnel'],
    ['replied', 'web dns ping'],
    ['assured', 'web'],
    ['nat', 'web'],
    ['snat', 'web'],
    ['dnat', ''],
    ['mark 0x10', 'web'],
    ['mark 0x10/0xf0', 'web'],
    ['mark 0/0xf0', 'syn dns ping tunnel'],
    ['zone 3', 'web'],
    ['zone 0', 'syn dns ping tunnel'],
    ['icmp-type 8', 'ping'],
    ['icmp-id 77', 'ping'],
    ['tcp or udp', 'web syn dns'],
    ['tcp and unreplied or udp', 'syn dns'],
    ['tcp (unreplied or dport 443)', 'web syn'],
    ['not (tcp or udp)', 'ping tunnel'],
    ['not not tcp', 'web syn'],
    ['TCP Dport 443', 'web'],
    ['timeout <30', 'dns ping'],
    ['timeout > 1h', 'web'],
    ['timeout over 1h', 'web'],
    ['timeout under 30', 'dns ping'],
    ['timeout>=98 timeout<=100', 'syn tunnel'],
  ])('%s: %s', (words, expected) => {
    expect(passing(words)).toBe(expected);
  });

  test('counts idle time from the timeout of the state', () => {
    expect(passing("idle '>15m'".replaceAll("'", ''))).toBe('web');
    expect(passing('idle >=10')).toBe('web syn dns');
    expect(passing('idle <10')).toBe('ping');
  });

  test('is not sure of what is not known, and says nothing of it either way', () => {
    // The timeout of GRE is not among the settings.
    expect(passing('idle <1w or idle >=1w')).toBe('web syn dns ping');
    expect(passing('not idle >1w')).toBe('web syn dns ping');
    const waiting = flow(WEB, { timeout: 299 });
    for (const words of ['idle >1h', 'idle <1h', 'not idle >1h', 'not idle <1h']) {
      expect(passes(parseFilter([words]), waiting, context)).toBe(false);
    }
    const uncounted = flow(WEB);
    expect(passes(parseFilter(['not', 'bytes', '>1']), uncounted, context)).toBe(false);
    expect(passes(parseFilter(['tcp or bytes >1']), uncounted, context)).toBe(true);
    expect(passes(parseFilter(['udp and bytes >1']), uncounted, context)).toBe(false);
    expect(passes(parseFilter(['not (udp and bytes >1)']), uncounted, context)).toBe(true);
  });

  test('reads counters, ages, helpers and labels', () => {
    const one = flow(WEB, { start: NOW - 7200, helper: 'ftp', labels: [0, 2], id: 4_000_000_000 });
    one.original.bytes = 900_000;
    one.reply.bytes = 200_000;
    for (const words of ['bytes >1M', 'age >1h', 'age <3h', 'helper ftp', 'label 33', 'id 4000000000'])
      expect([words, passes(parseFilter([words]), one, context)]).toEqual([words, true]);
    for (const words of ['bytes >1.2M', 'age >3h', 'helper sip', 'label 1', 'label 65'])
      expect([words, passes(parseFilter([words]), one, context)]).toEqual([words, false]);
  });

  test('finds no port in the keys of GRE', () => {
    expect(passing('sport 80')).toBe('');
  });

  test('knows offloaded flows, whose state the kernel does not tell', () => {
    const offloaded = flow(WEB, { state: -1, status: Status.OFFLOAD | Status.SEEN_REPLY });
    expect(passes(parseFilter(['offload']), offloaded, context)).toBe(true);
    expect(passes(parseFilter(['not state established']), offloaded, context)).toBe(false);
  });
});

describe('what the kernel may leave out', () => {
  test.each([
    ['src 10.0.0.0/8', { family: 4 }],
    ['mark 0x10/0xff zone 3 ipv6', { mark: { value: 0x10, mask: 0xff }, zone: 3, family: 6 }],
    ['unreplied assured', { status: { bits: Status.ASSURED, mask: Status.ASSURED | Status.SEEN_REPLY } }],
    ['(zone 3) mark 1', { zone: 3, mark: { value: 1, mask: 0xffff_ffff } }],
    ['zone 3 or zone 4', {}],
    ['zone 3,4', {}],
    ['not zone 3', {}],
    ['nat', {}],
  ])('%s', (words, expected) => {
    expect(parseFilter([words]).kernel).toEqual(expected);
  });
});

describe('a mistyped word', () => {
  test.each([
    ['dprt 3', "found `dprt', expected a word of a filter (did you mean `dport'?)"],
    ['src', "found the end, expected behind `src' an address or a network such as 10.0.0.0/8"],
    ['src 10.0.0.0/33', "found `10.0.0.0/33', expected behind `src' an address"],
    ['src 10.0.0.1/', "found `10.0.0.1/', expected"],
    ['src example.org', "found `example.org', expected"],
    ['dport 70000', "found `70000', expected behind `dport' a port"],
    ['dport 90-80', "found `90-80', expected"],
    ['dport 80,', "found `', expected"],
    ['state establised', "(did you mean `established'?)"],
    ['proto tpc', "(did you mean `tcp'?)"],
    ['idle 1h', "found `1h', expected behind `idle' a comparison such as '>1h'"],
    ['idle', "found the end, expected behind `idle' a comparison"],
    ['idle over', "expected behind `idle' a comparison"],
    ['idle >1y', "found `>1y', expected"],
    ['mark 0x100000000', "found `0x100000000', expected"],
    ['(tcp', "found the end, expected `)'"],
    ['tcp)', "found `)', expected a word of a filter, or the end"],
    ['tcp or', 'found the end, expected a word of a filter'],
    ['or tcp', "found `or', expected a word of a filter"],
    ['not', 'found the end, expected a word of a filter'],
    [`${'('.repeat(5000)}tcp${')'.repeat(5000)}`, 'expected at most 100'],
  ])('%s', (words, expected) => {
    expect(() => parseFilter([words])).toThrow(WordError);
    expect(() => parseFilter([words])).toThrow(expected);
  });

  test('whatever it is, is refused with a WordError or understood', () => {
    const words = [
      ...VALUE_TERMS.map(({ name }) => name),
      ...FLAG_TERMS.map(({ name }) => name),
      ...[
        'and',
        'or',
        'not',
        '(',
        ')',
        '>1h',
        '<',
        '=',
        ',',
        '10.0.0.0/8',
        '::/0',
        '80',
        'established',
        '0x10/1',
      ],
    ];
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 6 })), { maxLength: 12 }),
        (args) => {
          try {
            for (const one of Object.values(FLOWS)) passes(parseFilter(args), one, context);
          } catch (error) {
            if (!(error instanceof WordError)) throw error;
          }
        },
      ),
    );
  });
});

test('networks match as ipaddr.js has it', () => {
  const address = fc.oneof(
    fc.ipV4(),
    fc.ipV6().filter((text) => !text.includes('.')),
    fc.constantFrom('10.1.2.3', '10.1.2.4', 'fd00::1'),
  );
  fc.assert(
    fc.property(address, address, fc.nat(128), (text, other, bits) => {
      const [one, base] = [ipaddr.parse(text), ipaddr.parse(other)];
      const length = Math.min(bits, base.kind() === 'ipv4' ? 32 : 128);
      const expected = one.kind() === base.kind() && one.match(base as never, length as never);
      const [destination, protocol] = one.kind() === 'ipv4' ? ['1.2.3.4', 'tcp 6'] : ['fd00::9', 'tcp 6'];
      const listed = flow(`${protocol} 9 src=${one.toString()} dst=${destination} sport=1 dport=2 mark=0`);
      expect(passes(parseFilter([`src ${other}/${length}`]), listed, context)).toBe(expected);
    }),
  );
});

test('the help names every word', () => {
  for (const { name } of [...VALUE_TERMS, ...FLAG_TERMS]) expect(FILTER_HELP).toContain(`  ${name} `);
});
