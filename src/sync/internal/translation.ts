import { readU16 } from '../../bytes/integers.ts';
import { Attr } from '../../wire/attribute.ts';
import { findAttribute } from '../../wire/record.ts';

const TRANSLATIONS = [
  Attr.SNAT_IPV4,
  Attr.DNAT_IPV4,
  Attr.SNAT_IPV6,
  Attr.DNAT_IPV6,
  Attr.SPAT_PORT,
  Attr.DPAT_PORT,
] as const;

/** Whether two records of one key are translated alike. The kernel changes no translation: a flow with another one is another flow. */
export function areTranslatedAlike(
  one: Uint8Array,
  start: number,
  end: number,
  other: Uint8Array,
  otherStart: number,
  otherEnd: number,
): boolean {
  return TRANSLATIONS.every((attr) => {
    const at = findAttribute(one, start, end, attr);
    const there = findAttribute(other, otherStart, otherEnd, attr);
    if (at < 0 || there < 0) return at === there;
    const length = readU16(one, at);
    if (readU16(other, there) !== length) return false;
    for (let n = 0; n < length; n++) if (one[at + n] !== other[there + n]) return false;
    return true;
  });
}
