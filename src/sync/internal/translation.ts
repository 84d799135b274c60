import { readU16 } from '../../bytes/integers.ts';
import { Attr } from '../../wire/attribute.ts';
import { sameBytes } from '../../wire/compare.ts';
import { findAttribute } from '../../wire/record.ts';

/** What a record says of the translation of its flow. */
export const TRANSLATION: readonly number[] = [
  Attr.SNAT_IPV4,
  Attr.DNAT_IPV4,
  Attr.SPAT_PORT,
  Attr.DPAT_PORT,
  Attr.SNAT_IPV6,
  Attr.DNAT_IPV6,
];

/** Whether two records of one key are translated alike. The kernel changes no translation: a flow with another one is another flow. */
export function areTranslatedAlike(
  one: Uint8Array,
  start: number,
  end: number,
  other: Uint8Array,
  otherStart: number,
  otherEnd: number,
): boolean {
  return TRANSLATION.every((attr) => {
    const at = findAttribute(one, start, end, attr);
    const there = findAttribute(other, otherStart, otherEnd, attr);
    // The size is part of what is compared.
    return at < 0 || there < 0 ? at === there : sameBytes(one, at, other, there, readU16(one, at));
  });
}
