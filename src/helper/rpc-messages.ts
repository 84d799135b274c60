import { readU32 } from '../bytes/integers.ts';
import { Protocol } from '../flow/protocol.ts';

/** A question for the port of a program. */
export interface GetPortCall {
  /** Transaction id, u32. */
  readonly xid: number;
  /** Layer 4 protocol number over which the program is wanted. */
  readonly protocol: number;
}

export interface PortReply {
  /** u32; a port, or 0 for none. */
  readonly port: number;
  /** Where the port, a u32 in network byte order, stands in the payload. */
  readonly portOffset: number;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Records of a segment that are looked at. */
const RECORDS_MAX = 16;

/** RFC 5531 9. */
const CALL = 0;
const REPLY = 1;
const RPC_VERSION = 2;
const MSG_ACCEPTED = 0;
const SUCCESS = 0;
/** RFC 5531 8.2: opaque body of at most 400 bytes. */
const AUTH_MAX = 400;

/** RFC 1833 3.1 and 3.2. */
const PORTMAP = { program: 100_000, version: 2, getPort: 3 } as const;

/**
 * The records that are whole in a segment of TCP. RFC 5531 11: each begins with a word of a bit for the last fragment and the
 * fragment's length; a port mapper's messages fit in one.
 */
export function records(payload: Uint8Array): readonly Span[] {
  const found: Span[] = [];
  for (let at = 0; payload.length - at >= 4 && found.length < RECORDS_MAX; ) {
    const mark = readU32(payload, at);
    const start = at + 4;
    const end = start + (mark & 0x7fff_ffff);
    if (mark < 0x8000_0000 || end > payload.length) break;
    found.push({ start, end });
    at = end;
  }
  return found;
}

/** The GETPORT in `[start, end)`; undefined for any other message. Numbers are u32 in network byte order (RFC 4506 4.2). */
export function getPortCall(bytes: Uint8Array, start: number, end: number): GetPortCall | undefined {
  const header = [CALL, RPC_VERSION, PORTMAP.program, PORTMAP.version, PORTMAP.getPort];
  if (end - start < 4 + 4 * header.length) return undefined;
  for (let n = 0; n < header.length; n++) {
    if (readU32(bytes, start + 4 + 4 * n) !== header[n]) return undefined;
  }
  // RFC 5531 9: credentials, verifier; then RFC 1833 3.1: program, version, protocol, port.
  const verifier = authEnd(bytes, start + 4 + 4 * header.length, end);
  const mapping = verifier === undefined ? undefined : authEnd(bytes, verifier, end);
  if (mapping === undefined || end - mapping !== 16) return undefined;
  const protocol = readU32(bytes, mapping + 8);
  const isKnown = protocol === Protocol.TCP || protocol === Protocol.UDP;
  // The port mapper itself is where the question goes; of it nothing is expected.
  if (!isKnown || readU32(bytes, mapping) === PORTMAP.program) return undefined;
  return { xid: readU32(bytes, start), protocol };
}

/** The accepted and successful reply to a GETPORT in `[start, end)`; undefined for any other message. */
export function getPortReply(bytes: Uint8Array, start: number, end: number): PortReply | undefined {
  if (end - start < 12) return undefined;
  if (readU32(bytes, start + 4) !== REPLY || readU32(bytes, start + 8) !== MSG_ACCEPTED) return undefined;
  const status = authEnd(bytes, start + 12, end);
  if (status === undefined || end - status !== 8 || readU32(bytes, status) !== SUCCESS) return undefined;
  return { port: readU32(bytes, status + 4), portOffset: status + 4 };
}

/** The end of the flavor, length and body at `at`; undefined where it is too long. RFC 4506 4.10 pads the body to 4 bytes. */
function authEnd(bytes: Uint8Array, at: number, end: number): number | undefined {
  if (end - at < 8) return undefined;
  const length = readU32(bytes, at + 4);
  if (length > AUTH_MAX) return undefined;
  const after = at + 8 + ((length + 3) & ~3);
  return after <= end ? after : undefined;
}
