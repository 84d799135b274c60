import { createHash, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

/** Bytes of a key. */
export const KEY_SIZE = 32;
/** Bytes of the name that datagrams carry of their key. */
export const KEY_ID_SIZE = 3;

const BASE64_KEY = /^[A-Za-z0-9+/]{43}=$/;
const KEYS_MAX = 2;

/** A key that the nodes of a cluster share. */
export interface LinkKey {
  /** The first 24 bits of a hash of the key: names it on the wire without telling anything of it. */
  readonly id: number;
  readonly secret: Uint8Array;
}

/** What is wrong in a key file. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
}

/**
 * Reads the text of a key file: one or two keys, a line each, 32 bytes in base64. The first one seals, each of them opens.
 * Empty lines and lines that begin with `#` do not count.
 * @throws KeyFileError, which tells the line, and nothing of a key
 */
export function parseKeyFile(text: string): LinkKey[] {
  const keys: LinkKey[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const word = line.trim();
    if (word === '' || word.startsWith('#')) continue;
    const secret = Buffer.from(word, 'base64');
    if (!BASE64_KEY.test(word) || secret.length !== KEY_SIZE) {
      throw new KeyFileError(`line ${index + 1}: expected a key as \`conntrackd-ts genkey' prints it`);
    }
    if (keys.length === KEYS_MAX)
      throw new KeyFileError(`line ${index + 1}: expected at most ${KEYS_MAX} keys`);
    if (keys.some((key) => secret.equals(key.secret)))
      throw new KeyFileError(`line ${index + 1}: the key is there twice`);
    keys.push(linkKey(new Uint8Array(secret)));
  }
  if (keys.length === 0) throw new KeyFileError("expected a key as `conntrackd-ts genkey' prints it");
  return keys;
}

/** @param secret 32 random bytes */
export function linkKey(secret: Uint8Array): LinkKey {
  if (secret.length !== KEY_SIZE) throw new RangeError(`a key has ${KEY_SIZE} bytes, not ${secret.length}`);
  const id = createHash('sha256').update('conntrackd-ts link key id').update(secret).digest();
  return { id: id.readUIntBE(0, KEY_ID_SIZE), secret };
}

/** The key that one session's datagrams are sealed with (HKDF-SHA256, RFC 5869). */
export function sessionKey({ secret }: LinkKey, session: Uint8Array): KeyObject {
  return derivedKey(secret, session, 'conntrackd-ts link session 1');
}

/** The key of one TCP connection. Its label keeps it apart from the keys of sessions. */
export function connectionKey({ secret }: LinkKey, connecting: Uint8Array, accepting: Uint8Array): KeyObject {
  const salt = new Uint8Array(connecting.length + accepting.length);
  salt.set(connecting);
  salt.set(accepting, connecting.length);
  return derivedKey(secret, salt, 'conntrackd-ts link connection 1');
}

/** As a KeyObject: a cipher that is made from bytes makes one first. */
function derivedKey(secret: Uint8Array, salt: Uint8Array, label: string): KeyObject {
  return createSecretKey(new Uint8Array(hkdfSync('sha256', secret, salt, label, KEY_SIZE)));
}
