import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packetLayout, rewritePacket, tcpFields } from '../../../src/kernel/userspace-helper/ip-packet.ts';
import { checksumsAreRight, ipPacket } from './packets.ts';

const text = (value: string) => new TextEncoder().encode(value);

describe('packetLayout', () => {
  it.each([
    [4, 'tcp', 20, 40],
    [4, 'udp', 20, 28],
    [6, 'tcp', 40, 60],
    [6, 'udp', 40, 48],
  ] as const)('finds the payload of IPv%i with %s', (version, transport, transportAt, payloadAt) => {
    const packet = ipPacket({ version, transport, payload: text('hello') });
    expect(packetLayout(packet)).toEqual({
      version,
      protocol: transport === 'tcp' ? 6 : 17,
      transportAt,
      payloadAt,
      end: payloadAt + 5,
    });
  });

  it('leaves padding behind the packet alone', () => {
    const packet = ipPacket({ version: 4, transport: 'tcp', payload: text('hello') });
    const padded = Uint8Array.of(...packet, 0, 0, 0);
    expect(packetLayout(padded)?.end).toBe(45);
  });

  it('passes IPv6 extension headers', () => {
    const packet = ipPacket({ version: 6, transport: 'udp', payload: text('hello') });
    const destinationOptions = Uint8Array.of(17, 0, 1, 4, 0, 0, 0, 0);
    const extended = Uint8Array.of(...packet.subarray(0, 40), ...destinationOptions, ...packet.subarray(40));
    extended[6] = 60;
    extended[5] = extended.length - 40;
    expect(packetLayout(extended)).toMatchObject({ protocol: 17, transportAt: 48, payloadAt: 56, end: 61 });
  });

  it('takes no packet whose lengths contradict each other', () => {
    const packet = ipPacket({ version: 4, transport: 'tcp', payload: text('hello') });
    const spoilt = (at: number, value: number) => {
      const copy = packet.slice();
      copy[at] = value;
      return packetLayout(copy);
    };
    expect(spoilt(0, 0x44)).toBeUndefined();
    expect(spoilt(0, 0x4f)).toBeUndefined();
    expect(spoilt(3, 255)).toBeUndefined();
    expect(spoilt(9, 1)).toBeUndefined();
    expect(spoilt(32, 0x40)).toBeUndefined();
    expect(spoilt(32, 0xf0)).toBeUndefined();
    expect(packetLayout(new Uint8Array(0))).toBeUndefined();
  });

  it('never finds parts outside the packet', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(0x45, 0x46, 0x60), (bytes, first) => {
        if (bytes.length > 0) bytes[0] = first;
        const layout = packetLayout(bytes);
        if (layout === undefined) return;
        expect(layout.payloadAt).toBeLessThanOrEqual(layout.end);
        expect(layout.end).toBeLessThanOrEqual(bytes.length);
        expect(layout.transportAt).toBeLessThan(layout.payloadAt);
      }),
    );
  });
});

describe('rewritePacket', () => {
  const cases = fc.record({
    version: fc.constantFrom(4 as const, 6 as const),
    transport: fc.constantFrom('tcp' as const, 'udp' as const),
    before: fc.uint8Array({ maxLength: 30 }),
    replaced: fc.uint8Array({ maxLength: 30 }),
    after: fc.uint8Array({ maxLength: 30 }),
    replacement: fc.uint8Array({ maxLength: 60 }),
  });

  it('makes the packet that has the new payload from the start, checksums included', () => {
    fc.assert(
      fc.property(cases, ({ version, transport, before, replaced, after, replacement }) => {
        const packet = ipPacket({
          version,
          transport,
          payload: Uint8Array.of(...before, ...replaced, ...after),
        });
        const rewrites = [{ offset: before.length, length: replaced.length, replacement }];
        const made = rewritePacket(packet, packetLayout(packet)!, rewrites)!;
        expect(checksumsAreRight(made)).toBe(true);
        expect(made).toEqual(
          ipPacket({ version, transport, payload: Uint8Array.of(...before, ...replacement, ...after) }),
        );
      }),
    );
  });

  it('replaces several parts', () => {
    const packet = ipPacket({ version: 4, transport: 'tcp', payload: text('one two three') });
    const made = rewritePacket(packet, packetLayout(packet)!, [
      { offset: 0, length: 3, replacement: text('1') },
      { offset: 8, length: 5, replacement: text('3') },
    ])!;
    expect(new TextDecoder().decode(made.subarray(40))).toBe('1 two 3');
    expect(checksumsAreRight(made)).toBe(true);
  });

  it('gives no checksum to a datagram over IPv4 that had none', () => {
    const packet = ipPacket({ version: 4, transport: 'udp', payload: text('one') });
    packet.fill(0, 26, 28);
    const rewrites = [{ offset: 0, length: 3, replacement: text('twelve') }];
    expect(rewritePacket(packet, packetLayout(packet)!, rewrites)!.subarray(26, 28)).toEqual(
      Uint8Array.of(0, 0),
    );
  });

  it('refuses a part outside the payload, and a packet that is too long', () => {
    const packet = ipPacket({ version: 4, transport: 'tcp', payload: text('one') });
    const layout = packetLayout(packet)!;
    const replacement = new Uint8Array(0);
    expect(() => rewritePacket(packet, layout, [{ offset: 1, length: 3, replacement }])).toThrow(RangeError);
    expect(() => rewritePacket(packet, layout, [{ offset: -1, length: 1, replacement }])).toThrow(RangeError);
    const overlapping = [
      { offset: 0, length: 2, replacement },
      { offset: 1, length: 1, replacement },
    ];
    expect(() => rewritePacket(packet, layout, overlapping)).toThrow(RangeError);
    const huge = [{ offset: 0, length: 0, replacement: new Uint8Array(0xffff) }];
    expect(rewritePacket(packet, layout, huge)).toBeUndefined();
  });
});

it('tcpFields reads sequence, acknowledgement and flags', () => {
  const packet = ipPacket({ version: 4, transport: 'tcp', payload: text('x'), sequence: 0xfffffffe });
  expect(tcpFields(packet, packetLayout(packet)!)).toEqual({
    sequence: 0xfffffffe,
    acknowledgement: 1,
    flags: 0x18,
  });
});
