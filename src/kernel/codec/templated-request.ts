import type { NetlinkWriter } from '../../system/netlink.ts';
import { LayoutCache } from '../../wire/layout-cache.ts';
import { CtnetlinkMessage } from './ctnetlink-numbers.ts';
import { CREATE_STATUS_OUT, putCreate, putFlowLookup, putUpdate, UPDATE_STATUS_OUT } from './flow-request.ts';
import { type RequestForm, RequestTemplate } from './request-template.ts';

/** Requests of one form, by their shapes where those are known. */
class TemplatedRequest {
  private readonly form: RequestForm;
  private readonly shapes = new LayoutCache<RequestTemplate>();

  constructor(form: RequestForm) {
    this.form = form;
  }

  /**
   * Appends the request about the flow `bytes[start, end)`; `timeout` as in {@link RequestForm}.
   * @param words of `bytes`, see `wordsOf`
   */
  put(
    to: NetlinkWriter,
    sequence: number,
    bytes: Uint8Array,
    words: Int32Array,
    start: number,
    end: number,
    timeout: number,
  ): void {
    if (((start | end) & 3) === 0 && words.length !== 0) {
      const size = end - start;
      const shape = this.shapes.at(size);
      if (shape?.size === size && shape.matches(words, start >> 2)) {
        shape.put(to, sequence, words, start >> 2, timeout);
        return;
      }
      if (this.shapes.isDue(size)) {
        this.shapes.learn(size, RequestTemplate.of(this.form, words, start, end));
      }
    }
    this.form.write(to, sequence, bytes, start, end, timeout);
  }
}

/** A create or an update: with the timeout given or the record's own, and bound to the window or not. */
class StateRequest {
  private readonly forms: readonly TemplatedRequest[];

  constructor(put: typeof putCreate, statusOut: number) {
    this.forms = [false, true].flatMap((timed) =>
      [false, true].map(
        (liberal) =>
          new TemplatedRequest({
            write: (to, sequence, bytes, start, end, timeout) =>
              put(to, sequence, bytes, start, end, timeout, liberal),
            timed,
            statusOut,
          }),
      ),
    );
  }

  /** @param timeout in seconds; 0 for the record's own */
  of(timeout: number, liberal: boolean): TemplatedRequest {
    return this.forms[(timeout === 0 ? 0 : 2) + (liberal ? 1 : 0)]!;
  }
}

function lookup(kind: typeof CtnetlinkMessage.DELETE | typeof CtnetlinkMessage.GET): TemplatedRequest {
  return new TemplatedRequest({
    write: (to, sequence, bytes, start, end) => putFlowLookup(to, kind, sequence, bytes, start, end),
    timed: false,
    statusOut: 0,
  });
}

/** The requests about a flow, with what has been learnt of them, for the whole process. */
export const CREATE = new StateRequest(putCreate, CREATE_STATUS_OUT);
export const UPDATE = new StateRequest(putUpdate, UPDATE_STATUS_OUT);
export const REMOVE = lookup(CtnetlinkMessage.DELETE);
export const PROBE = lookup(CtnetlinkMessage.GET);
