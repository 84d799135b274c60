import { Errno } from '../../../system/errno.ts';
import { type Libc, MSG_WAITFORONE } from '../../../system/libc.ts';
import {
  align4,
  messageErrno,
  messageSequence,
  messageType,
  NLMSG_ERROR,
  wholeMessage,
} from '../../../system/netlink.ts';
import type { ReceiveBatch } from '../../../system/receive-batch.ts';
import { KernelError } from '../../kernel.ts';
import { explain } from '../kernel-errors.ts';

/** Bytes for one answer. Of the answer to a probe only the header is read. */
export const ANSWER_SLOT_SIZE = 256;

/** Takes the answer to the request with this sequence number: 0 or a positive errno. */
export type TakeAnswer = (sequence: number, errno: number) => void;

/** @param result of a send of `length` bytes: those sent, or a negative errno. @throws KernelError unless it is all */
export function assertSent(system: Libc, result: number, length: number): void {
  if (result < 0) throw explain(system.error('sendto (netlink request)', -result));
  if (result !== length) throw new KernelError(`netlink took ${result} of ${length} bytes of a request`);
}

/** The kernel did not answer so many requests in time. */
export function unanswered(requests: number): KernelError {
  return new KernelError(`the kernel left ${requests} requests unanswered`, Errno.EAGAIN);
}

/**
 * Waits for answers, reads those that are there into `batch`, and passes them to `take`.
 * @param requests how many are waited for, for the error
 * @throws KernelError if none comes in time
 */
export function receiveAnswers(
  system: Libc,
  fd: number,
  batch: ReceiveBatch,
  requests: number,
  take: TakeAnswer,
): void {
  const received = batch.receive(fd, batch.slots, MSG_WAITFORONE);
  if (received === -Errno.EAGAIN) throw unanswered(requests);
  if (received < 0) throw explain(system.error('recvmmsg (netlink answer)', -received));
  takeAnswersOf(batch, received, take);
}

/** Passes the answers in the first `received` slots of `batch` to `take`. */
function takeAnswersOf(batch: ReceiveBatch, received: number, take: TakeAnswer): void {
  const { bytes } = batch;
  for (let slot = 0; slot < received; slot++) {
    const start = batch.offset(slot);
    const end = start + batch.length(slot);
    for (let at = start; at < end; ) {
      const length = wholeMessage(bytes, at, end);
      // Only a probe's answer can be truncated; its acknowledgement is a datagram of its own.
      if (length < 0) break;
      if (messageType(bytes, at) === NLMSG_ERROR) take(messageSequence(bytes, at), messageErrno(bytes, at));
      at += align4(length);
    }
  }
}
