import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';
import { TAG_SIZE } from './frame.ts';

const CIPHER = 'aes-256-gcm';
export const NONCE_SIZE = 12;

/**
 * Encrypts `plain` into `out` at `at`, and behind it writes the tag over `about` and it.
 * @param about bytes that stand in the clear and count all the same
 * @returns the bytes written
 */
export function sealInto(
  key: KeyObject,
  nonce: Uint8Array,
  about: Uint8Array,
  plain: Uint8Array,
  out: Uint8Array,
  at: number,
): number {
  const cipher = createCipheriv(CIPHER, key, nonce);
  cipher.setAAD(about);
  out.set(cipher.update(plain), at);
  cipher.final();
  out.set(cipher.getAuthTag(), at + plain.length);
  return plain.length + TAG_SIZE;
}

/** What is sealed in `sealed`, which ends with the tag; undefined if it was not sealed with this key, nonce and `about`. */
export function openSealed(
  key: KeyObject,
  nonce: Uint8Array,
  about: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const size = sealed.length - TAG_SIZE;
  if (size < 0) return undefined;
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_SIZE });
  decipher.setAAD(about);
  decipher.setAuthTag(sealed.subarray(size));
  const plain = decipher.update(sealed.subarray(0, size));
  try {
    decipher.final();
    return plain;
  } catch {
    return undefined;
  }
}
