import { readNativeU16 } from '../../bytes/endian.ts';
import { readI32 } from '../../bytes/integers.ts';
import { sendsPorts } from '../../flow/protocol.ts';
import { Status } from '../../flow/status.ts';
import { Attr } from '../../wire/attribute.ts';
import type { Attributes } from './attributes.ts';
import type { FlowTable } from './flow-table.ts';
import { isIPv6, KEY_WORDS, protocolOf, Word } from './tuple-key.ts';

/** Bits of the two ports in a key's word. */
const SOURCE_PORT = 0xffff_0000;
const DESTINATION_PORT = 0xffff;

const inverse = new Int32Array(KEY_WORDS);

export function asksForTranslation(record: Attributes): boolean {
  return (
    record.has(Attr.SNAT_IPV4) ||
    record.has(Attr.SNAT_IPV6) ||
    record.has(Attr.DNAT_IPV4) ||
    record.has(Attr.DNAT_IPV6) ||
    record.has(Attr.SPAT_PORT) ||
    record.has(Attr.DPAT_PORT)
  );
}

/**
 * Translates `reply`, the inverse of a flow's original tuple, as its record requests. A requested port is
 * used unchanged; if only an address is requested, the kernel picks another port if the flow's own is taken.
 * Returns the status bits of the translation, or -1 if no port is free.
 */
export function translate(record: Attributes, reply: Int32Array, table: FlowTable): number {
  const { bytes } = record;
  const v6 = isIPv6(reply);
  const snat = record.at(v6 ? Attr.SNAT_IPV6 : Attr.SNAT_IPV4);
  const dnat = record.at(v6 ? Attr.DNAT_IPV6 : Attr.DNAT_IPV4);
  inverse.set(reply);
  putAddress(bytes, snat, reply, Word.DESTINATION, v6);
  putAddress(bytes, dnat, reply, Word.SOURCE, v6);
  if (sendsPorts(protocolOf(reply))) {
    const spat = record.at(Attr.SPAT_PORT);
    const dpat = record.at(Attr.DPAT_PORT);
    if (spat !== 0) putPort(reply, DESTINATION_PORT, readNativeU16(bytes, spat));
    if (dpat !== 0) putPort(reply, SOURCE_PORT, readNativeU16(bytes, dpat) << 16);
    if (snat !== 0 && spat === 0 && table.find(reply) >= 0 && !pickPort(reply, table)) return -1;
  }
  // A request for either direction sets up both (ctnetlink_setup_nat).
  let bits = Status.SRC_NAT_DONE | Status.DST_NAT_DONE;
  if (differs(reply, Word.DESTINATION, DESTINATION_PORT)) bits |= Status.SRC_NAT;
  if (differs(reply, Word.SOURCE, SOURCE_PORT)) bits |= Status.DST_NAT;
  return bits;
}

/** Gives the tuple a destination port that makes it unique: the first free one from 1024 on. */
function pickPort(reply: Int32Array, table: FlowTable): boolean {
  for (let port = 1024; port < 65_536; port++) {
    putPort(reply, DESTINATION_PORT, port);
    if (table.find(reply) < 0) return true;
  }
  return false;
}

function putAddress(bytes: Uint8Array, address: number, key: Int32Array, at: number, v6: boolean): void {
  if (address === 0) return;
  for (let n = 0; n < (v6 ? 4 : 1); n++) key[at + n] = readI32(bytes, address + 4 * n);
}

/** Replaces the port with these bits by `port`, which is already shifted. */
function putPort(key: Int32Array, port: number, bits: number): void {
  key[Word.PORTS] = (key[Word.PORTS]! & ~port) | bits;
}

/** True if the tuple is no longer the inverse in the address at `at`, or in the port with these bits. */
function differs(reply: Int32Array, at: number, port: number): boolean {
  for (let n = 0; n < 4; n++) if (reply[at + n] !== inverse[at + n]) return true;
  return ((reply[Word.PORTS]! ^ inverse[Word.PORTS]!) & port) !== 0;
}
