import type { NetlinkWriter } from '../../system/netlink.ts';
import { LayoutCache } from '../../wire/layout-cache.ts';
import { CtnetlinkMessage } from './ctnetlink-numbers.ts';
import { CREATE_STATUS_OUT, putCreate, putFlowLookup, putUpdate, UPDATE_STATUS_OUT } from './flow-request.ts';
import { type RequestForm, RequestTemplate } from './request-template.ts';

/** Writes requests of one form, from templates where they are known. */
class TemplatedRequest {
  private readonly form: RequestForm;
  private readonly templates: LayoutCache<RequestTemplate>;

  constructor(form: RequestForm, enabled: boolean) {
    this.form = form;
    this.templates = new LayoutCache((words, start, end) => RequestTemplate.of(form, words, start, end), {
      enabled,
    });
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
      const template = this.templates.find(words, start, end);
      if (template !== undefined) {
        template.put(to, sequence, words, start >> 2, timeout);
        return;
      }
      this.templates.learn(words, start, end);
    }
    this.form.write(to, sequence, bytes, start, end, timeout);
  }
}

/**
 * A create or an update in four variants: with a given timeout or the record's own, with TCP window checks
 * or liberal.
 */
class StateRequest {
  private readonly forms: readonly TemplatedRequest[];

  constructor(put: typeof putCreate, statusOut: number, enabled: boolean) {
    this.forms = [false, true].flatMap((timed) =>
      [false, true].map(
        (liberal) =>
          new TemplatedRequest(
            {
              write: (to, sequence, bytes, start, end, timeout) =>
                put(to, sequence, bytes, start, end, timeout, liberal),
              timed,
              statusOut,
            },
            enabled,
          ),
      ),
    );
  }

  /** @param timeout in seconds; 0 for the record's own */
  of(timeout: number, liberal: boolean): TemplatedRequest {
    return this.forms[(timeout === 0 ? 0 : 2) + (liberal ? 1 : 0)]!;
  }
}

function lookup(
  kind: typeof CtnetlinkMessage.DELETE | typeof CtnetlinkMessage.GET,
  enabled: boolean,
): TemplatedRequest {
  const form: RequestForm = {
    write: (to, sequence, bytes, start, end) => putFlowLookup(to, kind, sequence, bytes, start, end),
    timed: false,
    statusOut: 0,
  };
  return new TemplatedRequest(form, enabled);
}

/** Writes the requests about flows, with the templates learnt for one kernel's owner. */
export class FlowRequests {
  /** Whether to use templates at all. */
  readonly fastPaths: boolean;
  readonly create: StateRequest;
  readonly update: StateRequest;
  readonly remove: TemplatedRequest;
  readonly probe: TemplatedRequest;

  /** @param fastPaths false: write every request attribute by attribute */
  constructor(fastPaths = true) {
    this.fastPaths = fastPaths;
    this.create = new StateRequest(putCreate, CREATE_STATUS_OUT, fastPaths);
    this.update = new StateRequest(putUpdate, UPDATE_STATUS_OUT, fastPaths);
    this.remove = lookup(CtnetlinkMessage.DELETE, fastPaths);
    this.probe = lookup(CtnetlinkMessage.GET, fastPaths);
  }
}
