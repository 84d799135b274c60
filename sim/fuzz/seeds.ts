import { readdirSync, readFileSync } from 'node:fs';
import type { NetlinkFixtureFile } from '../netns/capture-netlink.ts';
import type { RecordKind } from './reference.ts';
import { inRepository } from './repository.ts';

interface WireFixtureFile {
  readonly datagrams: readonly { readonly hex: string }[];
}

let datagrams: readonly Uint8Array[] | undefined;

/** What real C nodes sent: vendor-fixtures/wire. */
export function capturedDatagrams(): readonly Uint8Array[] {
  datagrams ??= readdirSync(inRepository('vendor-fixtures', 'wire'))
    .filter((file) => file.endsWith('.json'))
    .sort()
    .flatMap((file) => {
      const text = readFileSync(inRepository('vendor-fixtures', 'wire', file), 'utf8');
      return (JSON.parse(text) as WireFixtureFile).datagrams.map(({ hex }) =>
        Uint8Array.from(Buffer.from(hex, 'hex')),
      );
    });
  return datagrams;
}

/** The attributes of the data messages among them. */
export function capturedRecords(kind: RecordKind): readonly Uint8Array[] {
  const records: Uint8Array[] = [];
  for (const datagram of capturedDatagrams()) {
    for (let at = 0; datagram.length - at >= 8; ) {
      const type = datagram[at]! & 15;
      const length = (datagram[at + 2]! << 8) | datagram[at + 3]!;
      if (length < 8) break;
      const isKind = kind === 'flow' ? type <= 2 : type >= 3 && type <= 5;
      if (isKind) records.push(datagram.slice(at + 8, at + length));
      at += length;
    }
  }
  return records;
}

/** What a real kernel sent: vendor-fixtures/netlink; empty on a machine of the other byte order. */
export function capturedNetlink(): readonly Uint8Array[] {
  const text = readFileSync(inRepository('vendor-fixtures', 'netlink', 'events.json'), 'utf8');
  const file = JSON.parse(text) as NetlinkFixtureFile;
  const ours = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 'LE' : 'BE';
  if (file.endianness !== ours) return [];
  return file.events.map(({ message }) => Uint8Array.from(Buffer.from(message, 'hex')));
}
