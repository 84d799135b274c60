import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileLiveFilter, type LiveFilter } from '../../src/cli/capture/live-filter.ts';
import { dissectUnder } from '../../src/cli/capture/packet.ts';
import { checkedProgram, type PacketFacts, runProgram } from '../support/bpf.ts';
import { concat, ENDS, ENDS6, ipv4, ipv6, tcp, u16, udp } from './captures.ts';

const PAYLOAD = Uint8Array.of(1, 2, 3);
const HOST = 0;
const OUTGOING = 4;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;

function passes(filter: Partial<LiveFilter>, bytes: Uint8Array, facts: Partial<PacketFacts> = {}): boolean {
  const program = checkedProgram(compileLiveFilter({ port: undefined, isLoopback: false, ...filter }));
  return runProgram(program, bytes, { etherType: IPV4, packetType: HOST, ...facts }) !== 0;
}

describe('the filter of a live capture', () => {
  const datagram = ipv4(ENDS, 17, udp(ENDS, PAYLOAD));
  const datagram6 = ipv6(ENDS6, 17, udp(ENDS6, PAYLOAD));

  it('passes UDP and TCP in both directions, and nothing else', () => {
    for (const packetType of [HOST, OUTGOING]) {
      expect(passes({}, datagram, { packetType })).toBe(true);
      expect(passes({}, ipv4(ENDS, 6, tcp(ENDS, 1, PAYLOAD)), { packetType })).toBe(true);
      expect(passes({}, datagram6, { etherType: IPV6, packetType })).toBe(true);
    }
    expect(passes({}, ipv4(ENDS, 1, PAYLOAD))).toBe(false);
    expect(passes({}, ipv6(ENDS6, 58, PAYLOAD), { etherType: IPV6 })).toBe(false);
    expect(passes({}, datagram, { etherType: 0x0806 })).toBe(false);
  });

  it('passes a packet on the loopback interface once', () => {
    expect(passes({ isLoopback: true }, datagram)).toBe(true);
    expect(passes({ isLoopback: true }, datagram, { packetType: OUTGOING })).toBe(false);
  });

  it('passes one port, whatever options the header has', () => {
    const long = ipv4(ENDS, 17, udp(ENDS, PAYLOAD), { options: [1, 1, 1, 0, 1, 1, 1, 0] });
    for (const bytes of [datagram, long]) {
      expect(passes({ port: ENDS.destinationPort }, bytes)).toBe(true);
      expect(passes({ port: ENDS.sourcePort }, bytes)).toBe(true);
      expect(passes({ port: 3999 }, bytes)).toBe(false);
    }
    expect(passes({ port: ENDS6.sourcePort }, datagram6, { etherType: IPV6 })).toBe(true);
    expect(passes({ port: 3999 }, datagram6, { etherType: IPV6 })).toBe(false);
  });

  it('leaves to the reader what it cannot see through', () => {
    const tagged = concat(u16(100), u16(IPV4), datagram);
    expect(passes({ port: 3999 }, tagged, { etherType: 0x8100 })).toBe(true);
    expect(passes({ port: 3999 }, ipv4(ENDS, 17, PAYLOAD, { fragment: 0x2000 }))).toBe(true);
    const behind = ipv6(ENDS6, 17, udp(ENDS6, PAYLOAD), [{ number: 0, bytes: [0, 0, 1, 4, 0, 0, 0, 0] }]);
    expect(passes({ port: 3999 }, behind, { etherType: IPV6 })).toBe(true);
  });

  it('drops nothing that the reader would take', () => {
    const start = fc.constantFrom(datagram, datagram6, ipv4(ENDS, 6, tcp(ENDS, 1, PAYLOAD)));
    const changes = fc.array(fc.tuple(fc.nat(45), fc.nat(255)), { maxLength: 3 });
    const etherTypes = fc.constantFrom(IPV4, IPV6, 0x8100, 0x0806);
    const ports = fc.constantFrom(undefined, ENDS.destinationPort);
    let taken = 0;
    fc.assert(
      fc.property(start, changes, etherTypes, ports, (bytes, changed, etherType, port) => {
        const packet = Uint8Array.from(bytes);
        for (const [at, value] of changed) if (at < packet.length) packet[at] = value;
        // A packet of the other version than its EtherType claims never comes.
        const claimed = etherType === IPV4 ? 4 : etherType === IPV6 ? 6 : packet[0]! >>> 4;
        packet[0] = (claimed << 4) | (packet[0]! & 0x0f);
        const read = dissectUnder(etherType, packet);
        if (read.kind !== 'udp' && read.kind !== 'tcp' && read.kind !== 'fragment') return;
        const isWanted =
          read.kind === 'fragment' ||
          port === undefined ||
          read.source.port === port ||
          read.destination.port === port;
        if (!isWanted) return;
        taken++;
        expect(passes({ port }, packet, { etherType })).toBe(true);
      }),
      { numRuns: 2000 },
    );
    expect(taken).toBeGreaterThan(200);
  });
});

describe('a packet without its link', () => {
  it('is read under its EtherType, behind VLAN tags too', () => {
    const datagram = ipv4(ENDS, 17, udp(ENDS, PAYLOAD));
    const wanted = dissectUnder(IPV4, datagram);
    expect(wanted).toMatchObject({ kind: 'udp', source: { address: ENDS.source, port: ENDS.sourcePort } });
    const tagged = concat(u16(7), u16(0x8100), u16(100), u16(IPV4), datagram);
    expect(dissectUnder(0x88a8, tagged)).toEqual(wanted);
    expect(dissectUnder(0x8100, tagged.subarray(0, 3))).toEqual({ kind: 'other' });
  });
});
