import { readdirSync, readFileSync } from 'node:fs';
import type { NetlinkFixture, NetlinkFixtureFile } from '../../sim/netns/capture-netlink.ts';
import { LITTLE_ENDIAN } from '../../src/bytes/endian.ts';

const WIRE = new URL('../../vendor-fixtures/wire/', import.meta.url);
const NETLINK = new URL('../../vendor-fixtures/netlink/events.json', import.meta.url);

/** A datagram that a C node sent; see vendor-fixtures/wire/README.md. */
export interface CapturedDatagram {
  /** The name of its file without `.json`. */
  readonly theme: string;
  readonly name: string;
  readonly note: string;
  readonly bytes: Uint8Array;
}

interface WireFixtureFile {
  readonly captured: string;
  readonly datagrams: readonly { readonly name: string; readonly note: string; readonly hex: string }[];
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

function readTheme(file: string): readonly CapturedDatagram[] {
  const { datagrams } = JSON.parse(readFileSync(new URL(file, WIRE), 'utf8')) as WireFixtureFile;
  const theme = file.replace('.json', '');
  return datagrams.map(({ name, note, hex }) => ({ theme, name, note, bytes: bytesOf(hex) }));
}

/** All captured datagrams. */
export function capturedDatagrams(): readonly CapturedDatagram[] {
  return readdirSync(WIRE)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .flatMap(readTheme);
}

/** The datagram of this name in `<theme>.json`. Throws if there is none. */
export function capturedDatagram(theme: string, name: string): Uint8Array {
  const found = readTheme(`${theme}.json`).find((datagram) => datagram.name === name);
  if (!found) throw new Error(`no datagram ${name} in ${theme}.json`);
  return found.bytes;
}

/** A message that a real kernel sent, in the byte order of its machine; see vendor-fixtures/netlink/README.md. */
export interface CapturedEvent extends NetlinkFixture {
  /** `message` as bytes. */
  readonly bytes: Uint8Array;
}

export interface CapturedEvents {
  /** True if this machine has the byte order of the one on which the events were captured. */
  readonly isNative: boolean;
  readonly events: readonly CapturedEvent[];
}

/** All captured messages of a kernel. */
export function capturedEvents(): CapturedEvents {
  const file = JSON.parse(readFileSync(NETLINK, 'utf8')) as NetlinkFixtureFile;
  return {
    isNative: LITTLE_ENDIAN === (file.endianness === 'LE'),
    events: file.events.map((event) => ({ ...event, bytes: bytesOf(event.message) })),
  };
}
