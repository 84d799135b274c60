import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AddressTable, PEER } from '../../src/link/address-table.ts';
import { socketAddress } from '../../src/link/socket-address.ts';

const v4 = (address: string, port = 3780) => socketAddress(4, address, port, 0);
const v6 = (address: string, index = 0, port = 3780) => socketAddress(6, address, port, index);

describe('a sender', () => {
  test('keeps its number whatever its port', () => {
    const senders = new AddressTable();
    const id = senders.idOf(v4('192.0.2.1', 40_000), 0);
    expect(senders.idOf(v4('192.0.2.2'), 0)).not.toBe(id);
    expect(senders.idOf(v4('192.0.2.1', 50_000), 0)).toBe(id);
  });

  test('is the same over IPv4 and over a socket for both', () => {
    const senders = new AddressTable();
    expect(senders.idOf(v6('::ffff:192.0.2.1'), 0)).toBe(senders.idOf(v4('192.0.2.1'), 0));
  });

  test('with a link-local address is distinguished by its interface, with another one it is not', () => {
    const senders = new AddressTable();
    const id = senders.idOf(v6('fe80::1', 2), 0);
    expect(senders.idOf(v6('fe80::1', 3), 0)).not.toBe(id);
    expect(senders.idOf(v6('fe80::1', 2), 0)).toBe(id);
    expect(senders.idOf(v6('2001:db8::1', 2), 0)).toBe(senders.idOf(v6('2001:db8::1', 0), 0));
  });

  test('that answers from a destination is the peer, on every link', () => {
    const senders = new AddressTable();
    senders.addPeer(v4('192.0.2.1'));
    senders.addPeer(v4('198.51.100.1'));
    expect(senders.idOf(v4('192.0.2.1', 40_000), 0)).toBe(PEER);
    expect(senders.idOf(v4('198.51.100.1', 40_000), 0)).toBe(PEER);
    expect(senders.idOf(v4('203.0.113.1'), 0)).not.toBe(PEER);
  });

  test('that comes when all numbers are taken shares the last one', () => {
    const senders = new AddressTable(2);
    senders.addPeer(v4('10.0.0.9'));
    const ids = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.1', '10.0.0.9'].map((address) =>
      senders.idOf(v4(address), 0),
    );
    expect(ids).toEqual([1, 2, senders.others, senders.others, 1, PEER]);
  });

  test('is named by its address, unless several share its number', () => {
    const senders = new AddressTable(3);
    senders.addPeer(v4('10.0.0.9'));
    const nameOf = (address: Uint8Array) => senders.addressOf(senders.idOf(address, 0));
    expect(nameOf(v4('10.0.0.1'))).toBe('10.0.0.1');
    expect(nameOf(v6('fe80::1:2', 3))).toBe('fe80::1:2');
    expect(nameOf(v6('2001:db8::1'))).toBe('2001:db8::1');
    expect(nameOf(v4('10.0.0.9'))).toBe('10.0.0.9');
    expect(nameOf(v4('10.0.0.2'))).toBeUndefined();
    expect(senders.addressOf(77)).toBeUndefined();
  });

  test('has one number, and no other has it', () => {
    const address = fc.oneof(
      fc.ipV4().map((text) => ({ text, bytes: v4(text) })),
      fc.uint8Array({ minLength: 16, maxLength: 16 }).map((raw) => {
        const bytes = v6('2001:db8::1');
        bytes.set(raw, 8);
        bytes[8] = 0x20;
        return { text: Buffer.from(bytes.subarray(8, 24)).toString('hex'), bytes };
      }),
    );
    fc.assert(
      fc.property(fc.array(address, { maxLength: 60 }), fc.nat(40), (heard, at) => {
        const senders = new AddressTable(60);
        const byText = new Map<string, number>();
        for (const { text, bytes } of heard) {
          const memory = new Uint8Array(at + bytes.length);
          memory.set(bytes, at);
          const id = senders.idOf(memory, at);
          expect(byText.get(text) ?? id).toBe(id);
          byText.set(text, id);
        }
        expect(new Set(byText.values()).size).toBe(byText.size);
      }),
    );
  });
});
