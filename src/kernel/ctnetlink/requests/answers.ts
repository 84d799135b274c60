import {
  align4,
  messageErrno,
  messageSequence,
  messageType,
  NLMSG_ERROR,
  wholeMessage,
} from '../../../system/netlink.ts';
import type { ReceiveBatch } from '../../../system/receive-batch.ts';

/** Bytes for one answer. Of the answer to a probe only the header is read. */
export const ANSWER_SLOT_SIZE = 256;

/** Takes the answer to the request with this sequence number: 0 or a positive errno. */
export type TakeAnswer = (sequence: number, errno: number) => void;

/** Passes the answers in the first `received` slots of `batch` to `take`. */
export function takeAnswersOf(batch: ReceiveBatch, received: number, take: TakeAnswer): void {
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
