/** Where the metrics are served: `127.0.0.1:9637`, `[::1]:9637`, or the path of a UNIX socket. */

import { parseAddress } from '../flow/parse-address.ts';

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly isLoopback: boolean }
  | { readonly kind: 'unix'; readonly path: string };

const PORT_MAX = 65_535;
/** Bytes of a UNIX socket's path without its NUL, unix(7). */
const PATH_MAX_BYTES = 107;

/** The address that a text names; undefined if it names none. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  if (text.startsWith('/')) {
    const size = new TextEncoder().encode(text).length;
    return size <= PATH_MAX_BYTES && !/\p{Cc}/u.test(text) ? { kind: 'unix', path: text } : undefined;
  }
  const [, v6, v4, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = v6 ?? v4;
  const port = Number(digits);
  if (host === undefined || port < 1 || port > PORT_MAX) return undefined;
  let bytes: Uint8Array;
  try {
    bytes = parseAddress(host);
  } catch {
    return undefined;
  }
  if ((bytes.length === 16) !== (v6 !== undefined)) return undefined;
  const isLoopback =
    bytes.length === 4 ? bytes[0] === 127 : bytes.every((byte, at) => byte === (at === 15 ? 1 : 0));
  return { kind: 'tcp', host, port, isLoopback };
}
