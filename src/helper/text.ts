const DECODER = new TextDecoder('latin1');
const ENCODER = new TextEncoder();

/** The first `max` bytes of a payload as text, one character a byte, so that places in it are offsets of the payload. */
export function payloadText(payload: Uint8Array, max: number): string {
  return DECODER.decode(payload.subarray(0, max));
}

/** @param text ASCII */
export function asciiBytes(text: string): Uint8Array {
  return ENCODER.encode(text);
}
