/** Values at which code is often wrong: limits, sizes of headers and attributes, numbers of protocols. */
export const INTERESTING = [
  0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 32, 33, 34, 127, 128, 254, 255,
] as const;
export const INTERESTING_16 = [
  0, 1, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 20, 33, 34, 255, 256, 1024, 1028,
] as const;
export const INTERESTING_32 = [
  0, 1, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_fffe, 0xffff_ffff,
] as const;
