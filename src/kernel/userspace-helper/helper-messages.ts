/** Messages about helpers in user space, nfnetlink_cthelper: from and to the values they stand for. */

import { readU16, readU32 } from '../../bytes/integers.ts';
import { wordsOf } from '../../bytes/words.ts';
import type { Family } from '../../flow/address.ts';
import { Protocol } from '../../flow/protocol.ts';
import {
  findAttributes,
  HEADERS,
  type NetlinkWriter,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REQUEST,
} from '../../system/netlink.ts';
import { NFPROTO_IPV4, NFPROTO_IPV6 } from '../codec/ctnetlink-numbers.ts';
import {
  HelperMessage,
  HelperStatus,
  HelperSubsystem,
  NFCTH_COUNT,
  Nfcth,
  NfcthPolicy,
  NfcthPolicySet,
  NfcthTuple,
  POLICIES_MAX,
} from './numbers.ts';

/** What names a helper in the kernel. */
export interface HelperKey {
  /** 1 to 15 bytes. */
  readonly name: string;
  readonly family: Family;
  readonly transport: 'tcp' | 'udp';
}

export interface KernelHelperPolicy {
  readonly name: string;
  /** Expectations of one flow at most. */
  readonly expectMax: number;
  /** Seconds. */
  readonly expectTimeout: number;
}

/** A helper in user space, as the kernel keeps it: one for the whole machine, whatever the network namespace. */
export interface KernelHelper extends HelperKey {
  readonly queueNum: number;
  /** One to four; class `n` of an expectation is the policy `n`. */
  readonly policies: readonly KernelHelperPolicy[];
  /** Bytes that the kernel keeps with each flow for the helper: 0 to 32. */
  readonly privateBytes: number;
  /** Whether its packets go to the queue; else they pass by. */
  readonly isEnabled: boolean;
}

/** What a helper that exists is changed to; what is left out stays. */
export type HelperChange = Partial<Pick<KernelHelper, 'queueNum' | 'policies' | 'isEnabled'>>;

/** Appends a request that creates the helper; it fails with EEXIST where it exists. */
export function putCreateHelper(to: NetlinkWriter, sequence: number, helper: KernelHelper): void {
  const began = begin(to, HelperMessage.NEW, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sequence);
  putKey(to, helper);
  putChange(to, helper);
  to.u32(Nfcth.PRIV_DATA_LEN, helper.privateBytes);
  to.endMessage(began);
}

/** Appends a request that changes a helper; where there is none, the kernel refuses it with EINVAL. */
export function putChangeHelper(
  to: NetlinkWriter,
  sequence: number,
  key: HelperKey,
  change: HelperChange,
): void {
  const began = begin(to, HelperMessage.NEW, NLM_F_ACK | NLM_F_CREATE, sequence);
  putKey(to, key);
  putChange(to, change);
  to.endMessage(began);
}

/** Appends a request that removes a helper; it fails with EBUSY as long as a rule or a flow names it. */
export function putDeleteHelper(to: NetlinkWriter, sequence: number, key: HelperKey): void {
  const began = begin(to, HelperMessage.DELETE, NLM_F_ACK, sequence);
  putKey(to, key);
  to.endMessage(began);
}

/** Appends a request for all helpers in user space. */
export function putDumpHelpers(to: NetlinkWriter, sequence: number): void {
  to.endMessage(begin(to, HelperMessage.GET, NLM_F_DUMP, sequence));
}

function begin(to: NetlinkWriter, message: number, flags: number, sequence: number): number {
  return to.message(HelperSubsystem.HELPER, message, NLM_F_REQUEST | flags, sequence, 0);
}

function putKey(to: NetlinkWriter, { name, family, transport }: HelperKey): void {
  putText(to, Nfcth.NAME, name);
  const tuple = to.nest(Nfcth.TUPLE);
  to.u16(NfcthTuple.L3PROTONUM, family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
  to.u8(NfcthTuple.L4PROTONUM, transport === 'tcp' ? Protocol.TCP : Protocol.UDP);
  to.endNest(tuple);
}

function putChange(to: NetlinkWriter, { queueNum, policies, isEnabled }: HelperChange): void {
  if (queueNum !== undefined) to.u32(Nfcth.QUEUE_NUM, queueNum);
  if (policies !== undefined) putPolicies(to, policies);
  if (isEnabled !== undefined) {
    to.u32(Nfcth.STATUS, isEnabled ? HelperStatus.ENABLED : HelperStatus.DISABLED);
  }
}

function putPolicies(to: NetlinkWriter, policies: readonly KernelHelperPolicy[]): void {
  if (policies.length < 1 || policies.length > POLICIES_MAX) {
    throw new RangeError(`a helper has 1 to ${POLICIES_MAX} policies, not ${policies.length}`);
  }
  const set = to.nest(Nfcth.POLICY);
  to.u32(NfcthPolicySet.COUNT, policies.length);
  policies.forEach(({ name, expectMax, expectTimeout }, index) => {
    const policy = to.nest(NfcthPolicySet.FIRST + index);
    putText(to, NfcthPolicy.NAME, name);
    to.u32(NfcthPolicy.EXPECT_MAX, expectMax);
    to.u32(NfcthPolicy.EXPECT_TIMEOUT, expectTimeout);
    to.endNest(policy);
  });
  to.endNest(set);
}

function putText(to: NetlinkWriter, type: number, text: string): void {
  const bytes = new TextEncoder().encode(`${text}\0`);
  to.copy(type, bytes, 0, bytes.length);
}

/** Reads a helper from the message `bytes[start, end)`; undefined where an attribute is missing or malformed. */
export function readHelper(bytes: Uint8Array, start: number, end: number): KernelHelper | undefined {
  const at = new Int32Array(NFCTH_COUNT);
  const size = new Int32Array(NFCTH_COUNT);
  const words = wordsOf(bytes);
  if (!findAttributes(words, start + HEADERS, end, at, size)) return undefined;
  const has = (type: number, least: number) => at[type] !== 0 && size[type]! >= least;
  if (!has(Nfcth.NAME, 1) || !has(Nfcth.QUEUE_NUM, 4) || !has(Nfcth.STATUS, 4)) return undefined;
  const kind = readTupleKind(bytes, words, at[Nfcth.TUPLE]!, size[Nfcth.TUPLE]!);
  const policies = readPolicies(bytes, words, at[Nfcth.POLICY]!, size[Nfcth.POLICY]!);
  if (kind === undefined || policies === undefined) return undefined;
  return {
    name: readText(bytes, at[Nfcth.NAME]!, size[Nfcth.NAME]!),
    ...kind,
    queueNum: readU32(bytes, at[Nfcth.QUEUE_NUM]!),
    policies,
    privateBytes: has(Nfcth.PRIV_DATA_LEN, 4) ? readU32(bytes, at[Nfcth.PRIV_DATA_LEN]!) : 0,
    isEnabled: readU32(bytes, at[Nfcth.STATUS]!) === HelperStatus.ENABLED,
  };
}

function readTupleKind(
  bytes: Uint8Array,
  words: Int32Array,
  start: number,
  length: number,
): Pick<KernelHelper, 'family' | 'transport'> | undefined {
  const at = new Int32Array(3);
  const size = new Int32Array(3);
  if (start === 0 || !findAttributes(words, start, start + length, at, size)) return undefined;
  if (at[NfcthTuple.L3PROTONUM] === 0 || size[NfcthTuple.L3PROTONUM]! < 2) return undefined;
  if (at[NfcthTuple.L4PROTONUM] === 0 || size[NfcthTuple.L4PROTONUM]! < 1) return undefined;
  const layer3 = readU16(bytes, at[NfcthTuple.L3PROTONUM]!);
  const layer4 = bytes[at[NfcthTuple.L4PROTONUM]!];
  if (layer3 !== NFPROTO_IPV4 && layer3 !== NFPROTO_IPV6) return undefined;
  if (layer4 !== Protocol.TCP && layer4 !== Protocol.UDP) return undefined;
  return { family: layer3 === NFPROTO_IPV4 ? 4 : 6, transport: layer4 === Protocol.TCP ? 'tcp' : 'udp' };
}

function readPolicies(
  bytes: Uint8Array,
  words: Int32Array,
  start: number,
  length: number,
): KernelHelperPolicy[] | undefined {
  const at = new Int32Array(NfcthPolicySet.FIRST + POLICIES_MAX);
  const size = new Int32Array(NfcthPolicySet.FIRST + POLICIES_MAX);
  if (start === 0 || !findAttributes(words, start, start + length, at, size)) return undefined;
  const policies: KernelHelperPolicy[] = [];
  const valueAt = new Int32Array(4);
  const valueSize = new Int32Array(4);
  for (let n = 0; n < POLICIES_MAX && at[NfcthPolicySet.FIRST + n] !== 0; n++) {
    const here = at[NfcthPolicySet.FIRST + n]!;
    const there = here + size[NfcthPolicySet.FIRST + n]!;
    if (!findAttributes(words, here, there, valueAt, valueSize)) return undefined;
    for (const type of [NfcthPolicy.EXPECT_MAX, NfcthPolicy.EXPECT_TIMEOUT]) {
      if (valueAt[type] === 0 || valueSize[type]! < 4) return undefined;
    }
    if (valueAt[NfcthPolicy.NAME] === 0) return undefined;
    policies.push({
      name: readText(bytes, valueAt[NfcthPolicy.NAME]!, valueSize[NfcthPolicy.NAME]!),
      expectMax: readU32(bytes, valueAt[NfcthPolicy.EXPECT_MAX]!),
      expectTimeout: readU32(bytes, valueAt[NfcthPolicy.EXPECT_TIMEOUT]!),
    });
  }
  return policies.length === 0 ? undefined : policies;
}

function readText(bytes: Uint8Array, at: number, size: number): string {
  const text = bytes.subarray(at, at + size);
  const nul = text.indexOf(0);
  return new TextDecoder().decode(nul < 0 ? text : text.subarray(0, nul));
}
