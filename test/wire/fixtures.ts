import { readdirSync, readFileSync } from 'node:fs';
import { Framing, frameAt } from '../../src/wire/datagram.ts';
import { lengthOf } from '../../src/wire/header.ts';

const DIRECTORY = new URL('../../vendor-fixtures/wire/', import.meta.url);

/** A datagram that a C node sent; see vendor-fixtures/wire/README.md. */
export interface CapturedDatagram {
  readonly theme: string;
  readonly name: string;
  readonly note: string;
  readonly bytes: Uint8Array;
}

interface FixtureFile {
  readonly captured: string;
  readonly datagrams: readonly { readonly name: string; readonly note: string; readonly hex: string }[];
}

function read(file: string): readonly CapturedDatagram[] {
  const { datagrams } = JSON.parse(readFileSync(new URL(file, DIRECTORY), 'utf8')) as FixtureFile;
  const theme = file.replace('.json', '');
  return datagrams.map(({ name, note, hex }) => ({
    theme,
    name,
    note,
    bytes: Uint8Array.from(Buffer.from(hex, 'hex')),
  }));
}

/** All captured datagrams. */
export function capturedDatagrams(): readonly CapturedDatagram[] {
  return readdirSync(DIRECTORY)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .flatMap(read);
}

/** The datagram of this name in `<theme>.json`. */
export function capturedDatagram(theme: string, name: string): Uint8Array {
  const found = read(`${theme}.json`).find((datagram) => datagram.name === name);
  if (!found) throw new Error(`no datagram ${name} in ${theme}.json`);
  return found.bytes;
}

/** The messages of a datagram that is whole, each as its own bytes. */
export function messagesOf(datagram: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = [];
  let at = 0;
  while (frameAt(datagram, at, datagram.length) === Framing.MESSAGE) {
    messages.push(datagram.slice(at, at + lengthOf(datagram, at)));
    at += lengthOf(datagram, at);
  }
  if (at !== datagram.length) throw new Error(`framing ends at ${at} of ${datagram.length} bytes`);
  return messages;
}
