import { wordsOf } from '../../bytes/words.ts';
import type { Expectation } from '../../flow/expectation.ts';
import type { Tuple } from '../../flow/tuple.ts';
import { Errno } from '../../system/errno.ts';
import {
  findAttributes,
  HEADERS,
  type NetlinkWriter,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REQUEST,
} from '../../system/netlink.ts';
import {
  CTA_EXPECT_COUNT,
  CtaExpect,
  CtnetlinkMessage,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  Subsystem,
} from '../codec/ctnetlink-numbers.ts';
import { putExpectation, putTextTuple } from './expectation-attributes.ts';
import { readPortTuple } from './queued-packet.ts';
import type { NetfilterRequests } from './requests.ts';

/** CTA_EXPECT_ZONE. */
const ZONE = 7;

/**
 * Creates an expectation of a flow in the kernel's table. One that the same flow has already, of the same tuple, is
 * replaced, so that its timeout starts again, as the kernel's own helpers do it.
 * @param zone of the master
 * @returns the errno with which the kernel refuses it, or 0; EBUSY where another flow expects the same
 * @throws KernelError if the kernel cannot be asked
 */
export function createExpectation(
  requests: NetfilterRequests,
  expectation: Expectation,
  zone: number | undefined,
): number {
  const create = (): number => requests.request((to, sequence) => putCreate(to, sequence, expectation, zone));
  const errno = create();
  if (errno !== Errno.EEXIST) return errno;
  if (!isOwn(requests, expectation, zone)) return Errno.EBUSY;
  deleteExpectation(requests, expectation, zone);
  return create();
}

/** Removes an expectation. @returns the errno with which the kernel refuses it, or 0 @throws KernelError */
export function deleteExpectation(
  requests: NetfilterRequests,
  expectation: Expectation,
  zone: number | undefined,
): number {
  return requests.request((to, sequence) =>
    putLookup(to, CtnetlinkMessage.DELETE, sequence, expectation, zone),
  );
}

/** Whether the expectation in the kernel that has the same tuple is of the same master. */
function isOwn(requests: NetfilterRequests, expectation: Expectation, zone: number | undefined): boolean {
  let master: Tuple | undefined;
  requests.request(
    (to, sequence) => putLookup(to, CtnetlinkMessage.GET, sequence, expectation, zone),
    (bytes, start, end) => {
      master = readMaster(bytes, start, end);
    },
  );
  return master !== undefined && sameTuple(master, expectation.master);
}

function putCreate(
  to: NetlinkWriter,
  sequence: number,
  expectation: Expectation,
  zone: number | undefined,
): void {
  const began = begin(to, CtnetlinkMessage.NEW, NLM_F_CREATE | NLM_F_EXCL, sequence, expectation);
  putTextTuple(to, CtaExpect.MASTER, expectation.master);
  putExpectation(to, expectation);
  if (zone !== undefined) to.u16(ZONE, zone);
  to.endMessage(began);
}

function putLookup(
  to: NetlinkWriter,
  message: number,
  sequence: number,
  expectation: Expectation,
  zone: number | undefined,
): void {
  const began = begin(to, message, 0, sequence, expectation);
  putTextTuple(to, CtaExpect.TUPLE, expectation.expected);
  if (zone !== undefined) to.u16(ZONE, zone);
  to.endMessage(began);
}

function begin(
  to: NetlinkWriter,
  message: number,
  flags: number,
  sequence: number,
  { expected }: Expectation,
): number {
  const family = expected.family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
  return to.message(Subsystem.EXPECTATION, message, NLM_F_REQUEST | NLM_F_ACK | flags, sequence, family);
}

function readMaster(bytes: Uint8Array, start: number, end: number): Tuple | undefined {
  const at = new Int32Array(CTA_EXPECT_COUNT);
  const size = new Int32Array(CTA_EXPECT_COUNT);
  const words = wordsOf(bytes);
  if (!findAttributes(words, start + HEADERS, end, at, size)) return undefined;
  return readPortTuple(bytes, words, at[CtaExpect.MASTER]!, size[CtaExpect.MASTER]!);
}

function sameTuple(one: Tuple, other: Tuple): boolean {
  return (
    one.source === other.source &&
    one.destination === other.destination &&
    one.protocol === other.protocol &&
    one.ports?.source === other.ports?.source &&
    one.ports?.destination === other.ports?.destination
  );
}
