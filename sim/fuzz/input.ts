/**
 * How an input is built, for mutations that keep most of it in order:
 * `attributes` of one message; `datagram` of messages with attributes; `netlink` messages; `pieces`, each behind a
 * header of kind, argument and length (u8, u8, u16); `text`; plain `bytes`.
 */
export type Grammar = 'attributes' | 'datagram' | 'netlink' | 'pieces' | 'text' | 'bytes';

/** The longest input, in bytes. */
export const INPUT_MAX = 70_000;
