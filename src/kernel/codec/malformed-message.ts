/**
 * Explains why the transcoder rejects a message: which attribute is wrong, at which offset, and what was
 * expected. This code runs only after the transcoder has returned MALFORMED, and checks the same conditions
 * again from tables of names and sizes.
 */

import { alignedWordsOf } from '../../bytes/words.ts';
import { ATTRIBUTE_HEADER, align4, HEADERS, headerLength, headerType } from '../../system/netlink.ts';
import { Cta, CtaExpect, CtaExpectNat, CtaIp, CtaProto, CtaTuple } from './ctnetlink-numbers.ts';

/** What the transcoder requires of one attribute. */
interface Rule {
  readonly name: string;
  /** Minimum size of the value in bytes; 0 for any size. */
  readonly least: number;
  /** Rules for the nested attributes; undefined for a plain value. */
  readonly inside?: Rules;
  /** A message without the attribute is malformed. */
  readonly required?: true;
  /** If the nested attributes cannot be parsed, the attribute counts as missing. */
  readonly lenient?: true;
}
type Rules = ReadonlyMap<number, Rule>;

interface Found {
  readonly rule: Rule;
  readonly start: number;
  readonly size: number;
}

const value = (name: string, least: number): Rule => ({ name, least });

const ADDRESSES: Rules = new Map([
  [CtaIp.V4_SRC, value('CTA_IP_V4_SRC', 4)],
  [CtaIp.V4_DST, value('CTA_IP_V4_DST', 4)],
  [CtaIp.V6_SRC, value('CTA_IP_V6_SRC', 16)],
  [CtaIp.V6_DST, value('CTA_IP_V6_DST', 16)],
] as const);

const LAYER_4: Rules = new Map([
  [CtaProto.NUM, value('CTA_PROTO_NUM', 1)],
  [CtaProto.SRC_PORT, value('CTA_PROTO_SRC_PORT', 2)],
  [CtaProto.DST_PORT, value('CTA_PROTO_DST_PORT', 2)],
  [CtaProto.ICMP_ID, value('CTA_PROTO_ICMP_ID', 2)],
  [CtaProto.ICMP_TYPE, value('CTA_PROTO_ICMP_TYPE', 1)],
  [CtaProto.ICMP_CODE, value('CTA_PROTO_ICMP_CODE', 1)],
  [CtaProto.ICMPV6_ID, value('CTA_PROTO_ICMPV6_ID', 2)],
  [CtaProto.ICMPV6_TYPE, value('CTA_PROTO_ICMPV6_TYPE', 1)],
  [CtaProto.ICMPV6_CODE, value('CTA_PROTO_ICMPV6_CODE', 1)],
] as const);

const TUPLE: Rules = new Map<number, Rule>([
  [CtaTuple.IP, { name: 'CTA_TUPLE_IP', least: 0, inside: ADDRESSES }],
  [CtaTuple.PROTO, { name: 'CTA_TUPLE_PROTO', least: 0, inside: LAYER_4 }],
]);

const FLOW: Rules = new Map<number, Rule>([
  [Cta.TUPLE_ORIG, { name: 'CTA_TUPLE_ORIG', least: 0, inside: TUPLE, required: true }],
  [Cta.TUPLE_REPLY, { name: 'CTA_TUPLE_REPLY', least: 0, inside: TUPLE }],
  [Cta.TUPLE_MASTER, { name: 'CTA_TUPLE_MASTER', least: 0, inside: TUPLE }],
  [Cta.STATUS, value('CTA_STATUS', 4)],
  [Cta.TIMEOUT, value('CTA_TIMEOUT', 4)],
  [Cta.MARK, value('CTA_MARK', 4)],
  [Cta.ID, value('CTA_ID', 4)],
  [Cta.ZONE, value('CTA_ZONE', 2)],
]);

const NAT: Rules = new Map<number, Rule>([
  [CtaExpectNat.DIR, value('CTA_EXPECT_NAT_DIR', 4)],
  [CtaExpectNat.TUPLE, { name: 'CTA_EXPECT_NAT_TUPLE', least: 0, inside: TUPLE }],
]);

const EXPECTATION: Rules = new Map<number, Rule>([
  [CtaExpect.MASTER, { name: 'CTA_EXPECT_MASTER', least: 0, inside: TUPLE, required: true }],
  [CtaExpect.TUPLE, { name: 'CTA_EXPECT_TUPLE', least: 0, inside: TUPLE, required: true }],
  [CtaExpect.MASK, { name: 'CTA_EXPECT_MASK', least: 0, inside: TUPLE, required: true }],
  [CtaExpect.TIMEOUT, value('CTA_EXPECT_TIMEOUT', 4)],
  [CtaExpect.FLAGS, value('CTA_EXPECT_FLAGS', 4)],
  [CtaExpect.CLASS, value('CTA_EXPECT_CLASS', 4)],
  [CtaExpect.NAT, { name: 'CTA_EXPECT_NAT', least: 0, inside: NAT, lenient: true }],
]);

/** Checks one message; the offsets in its explanations count from the start of the message. */
class Inspection {
  private readonly words: Int32Array;
  private readonly from: number;

  constructor(words: Int32Array, from: number) {
    this.words = words;
    this.from = from;
  }

  /**
   * Returns the attributes that have a rule, or an explanation if a length is wrong. Like the transcoder, it
   * checks every attribute of a tuple, and elsewhere the last one of each type.
   */
  private find(rules: Rules, path: string, start: number, end: number): readonly Found[] | string {
    const readsAll = rules === TUPLE;
    const found: Found[] = [];
    for (let at = start; end - at >= ATTRIBUTE_HEADER; ) {
      const header = this.words[at >> 2]!;
      const length = headerLength(header);
      const type = headerType(header);
      const rule = rules.get(type);
      if (length < ATTRIBUTE_HEADER || length > end - at) {
        const name = joined(path, rule?.name ?? `attribute ${type}`);
        return `${name} at offset ${at - this.from}: length ${length}, expected ${ATTRIBUTE_HEADER} to ${end - at}`;
      }
      const size = length - ATTRIBUTE_HEADER;
      if (rule !== undefined) {
        const earlier = readsAll ? -1 : found.findIndex((each) => each.rule === rule);
        if (earlier >= 0) found.splice(earlier, 1);
        found.push({ rule, start: at + ATTRIBUTE_HEADER, size });
      }
      // The transcoder checks every value in a tuple, elsewhere only the last one of each type.
      if (rule !== undefined && (rules === ADDRESSES || rules === LAYER_4) && size < rule.least) {
        return this.short(rule, path, at + ATTRIBUTE_HEADER, size);
      }
      at += align4(length);
    }
    return found;
  }

  private short(rule: Rule, path: string, start: number, size: number): string {
    const offset = start - ATTRIBUTE_HEADER - this.from;
    return `${joined(path, rule.name)} at offset ${offset}: ${size} bytes, expected at least ${rule.least}`;
  }

  /** Explains what is wrong between `start` and `end`; undefined if nothing is. */
  check(rules: Rules, path: string, start: number, end: number): string | undefined {
    const found = this.find(rules, path, start, end);
    if (typeof found === 'string') return found;
    for (const { rule, start: at, size } of found) {
      if (size < rule.least) return this.short(rule, path, at, size);
      if (rule.inside === undefined) continue;
      const inner = joined(path, rule.name);
      if (rule.lenient && typeof this.find(rule.inside, inner, at, at + size) === 'string') continue;
      const trouble =
        this.check(rule.inside, inner, at, at + size) ??
        (rule.required ? this.incompleteTuple(inner, at, at + size) : undefined);
      if (trouble !== undefined) return trouble;
    }
    for (const rule of rules.values()) {
      const isMissing = rule.required && !found.some((each) => each.rule === rule);
      if (isMissing) return `${joined(path, rule.name)} is missing`;
    }
    return undefined;
  }

  /** Names what a well-formed tuple lacks: a protocol, or both addresses of one family. */
  private incompleteTuple(path: string, start: number, end: number): string | undefined {
    const has = new Set<string>();
    const parts = this.find(TUPLE, path, start, end);
    if (typeof parts === 'string') return parts;
    for (const { rule, start: at, size } of parts) {
      const values = this.find(rule.inside!, path, at, at + size);
      if (typeof values !== 'string') for (const found of values) has.add(found.rule.name);
    }
    const offset = start - ATTRIBUTE_HEADER - this.from;
    if (!has.has('CTA_PROTO_NUM')) {
      return `${joined(joined(path, 'CTA_TUPLE_PROTO'), 'CTA_PROTO_NUM')} is missing in the tuple at offset ${offset}`;
    }
    const v4 = has.has('CTA_IP_V4_SRC') && has.has('CTA_IP_V4_DST');
    const v6 = has.has('CTA_IP_V6_SRC') && has.has('CTA_IP_V6_DST');
    if (v4 || v6) return undefined;
    return `${joined(path, 'CTA_TUPLE_IP')} in the tuple at offset ${offset}: expected source and destination of one family`;
  }
}

function joined(path: string, name: string): string {
  return path === '' ? name : `${path} > ${name}`;
}

/**
 * Explains for a log line why the transcoder rejects `bytes[start, end)`; undefined if the message is
 * well-formed. `start` must be a multiple of 4.
 */
export function explainMalformed(
  kind: 'flow' | 'expectation',
  bytes: Uint8Array,
  start: number,
  end: number,
): string | undefined {
  if (end - start < HEADERS)
    return `message of ${end - start} bytes, expected at least ${HEADERS} for its headers`;
  const inspection = new Inspection(alignedWordsOf(bytes), start);
  return inspection.check(kind === 'flow' ? FLOW : EXPECTATION, '', start + HEADERS, end);
}
