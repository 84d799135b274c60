import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wordsOf } from '../../src/bytes/words.ts';
import { Origin } from '../../src/flow/change.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { Protocol } from '../../src/flow/protocol.ts';
import { Status } from '../../src/flow/status.ts';
import { CtnetlinkMessage } from '../../src/kernel/codec/ctnetlink-numbers.ts';
import {
  CREATE_STATUS_OUT,
  putCreate,
  putFlowLookup,
  putUpdate,
  UPDATE_STATUS_OUT,
} from '../../src/kernel/codec/flow-request.ts';
import { type RequestForm, RequestTemplate } from '../../src/kernel/codec/request-template.ts';
import { REQUEST_MAX } from '../../src/kernel/codec/request-tuple.ts';
import { RequestBatch } from '../../src/kernel/ctnetlink/requests/request-batch.ts';
import { NetlinkWriter } from '../../src/system/netlink.ts';
import { encodeFlow } from '../../src/wire/encode.ts';
import { flow, NATED, record } from '../table/records.ts';
import { hex } from './inside.ts';

const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 3 });

const address4 = fc.ipV4();
const address6 = fc.constantFrom('fd00::1', '2001:db8::7', 'fd00::2', '::1');

const adjustment = fc.record({ position: u32, offsetBefore: u32, offsetAfter: u32 });

/** Flows as there are many, with whatever values. */
const everyday = fc.oneof(address4, address6).chain((source): fc.Arbitrary<Flow> => {
  const family = source.includes(':') ? 6 : 4;
  const address = family === 4 ? address4 : address6;
  const translation = optional(fc.record({ address, port: optional(u16) }));
  return fc
    .record({
      destination: address,
      protocol: fc.constantFrom(Protocol.TCP, Protocol.UDP, Protocol.SCTP, Protocol.DCCP),
      ports: fc.record({ source: u16, destination: u16 }),
      status: u32,
      timeout: optional(u32),
      mark: optional(u32),
      zone: optional(u16),
      synproxy: optional(fc.record({ its: u32, isn: u32, tsoff: u32 })),
      sequenceAdjustment: optional(fc.record({ original: adjustment, reply: adjustment })),
      tcp: fc.record({ state: u8, scaleOriginal: optional(u8), scaleReply: optional(u8) }),
      sourceNat: translation,
      destinationNat: translation,
    })
    .map(({ destination, protocol, ports, tcp, ...fields }) => ({
      ...fields,
      original: { family, source, destination, protocol, ports },
      ...(protocol === Protocol.TCP ? { tcp } : {}),
    })) as fc.Arbitrary<Flow>;
});

const stateForm = (
  put: typeof putCreate,
  statusOut: number,
  timed: boolean,
  liberal: boolean,
): RequestForm => ({
  write: (to, sequence, bytes, start, end, timeout) => put(to, sequence, bytes, start, end, timeout, liberal),
  timed,
  statusOut,
});
const lookupForm = (kind: typeof CtnetlinkMessage.DELETE | typeof CtnetlinkMessage.GET): RequestForm => ({
  write: (to, sequence, bytes, start, end) => putFlowLookup(to, kind, sequence, bytes, start, end),
  timed: false,
  statusOut: 0,
});
const CREATE = stateForm(putCreate, CREATE_STATUS_OUT, true, false);
const FORMS: readonly (readonly [string, RequestForm])[] = [
  ['a create', CREATE],
  ['a create, liberal', stateForm(putCreate, CREATE_STATUS_OUT, true, true)],
  ["a create with the record's timeout", stateForm(putCreate, CREATE_STATUS_OUT, false, false)],
  ["a create with the record's timeout, liberal", stateForm(putCreate, CREATE_STATUS_OUT, false, true)],
  ['an update', stateForm(putUpdate, UPDATE_STATUS_OUT, true, false)],
  ["an update with the record's timeout, liberal", stateForm(putUpdate, UPDATE_STATUS_OUT, false, true)],
  ['a remove', lookupForm(CtnetlinkMessage.DELETE)],
  ['a probe', lookupForm(CtnetlinkMessage.GET)],
];

const templateOf = (bytes: Uint8Array) => RequestTemplate.of(CREATE, wordsOf(bytes), 0, bytes.length);

/** The request as its attributes make it, one by one. */
function written({ write }: RequestForm, bytes: Uint8Array, sequence: number, timeout: number): string {
  const to = new NetlinkWriter(REQUEST_MAX);
  write(to, sequence, bytes, 0, bytes.length, timeout);
  return hex(to.bytes, 0, to.at);
}

describe('the template of a request', () => {
  it.each(FORMS)('makes %s as the attributes make it, whatever their values', (_name, form) => {
    fc.assert(
      fc.property(everyday, u32, fc.integer({ min: 1, max: 0xffff_ffff }), (one, n, seconds) => {
        const timeout = form.timed ? seconds : 0;
        const bytes = encodeFlow(one);
        const { signature, value: template } = RequestTemplate.of(form, wordsOf(bytes), 0, bytes.length)!;
        expect(signature.matches(wordsOf(bytes), 0)).toBe(true);
        const to = new NetlinkWriter(2 * REQUEST_MAX);
        // Behind another message, as in a batch.
        to.u32(1, 2);
        const began = to.at;
        template.put(to, n, wordsOf(bytes), 0, timeout);
        expect(hex(to.bytes, began, to.at)).toBe(written(form, bytes, n, timeout));
      }),
      { numRuns: 200 },
    );
  });

  it('is not that of another layout or protocol of the same size', () => {
    const marked = record(1, { mark: 1 });
    const timed = record(1, { timeout: 1 });
    const udp = encodeFlow({
      ...flow(1, { mark: 1 }),
      original: { ...flow(1).original, protocol: Protocol.UDP },
    });
    expect([timed.length, udp.length]).toEqual([marked.length, marked.length]);
    const { signature } = templateOf(marked)!;
    expect(
      [marked, record(7, { mark: 9 }), timed, udp].map((bytes) => signature.matches(wordsOf(bytes), 0)),
    ).toEqual([true, true, false, false]);
  });

  it('is not there for what is rare', () => {
    const { ports: _, ...portless } = flow(1).original;
    const rare: readonly Flow[] = [
      flow(1, { helper: 'ftp' }),
      flow(1, { master: flow(2).original }),
      flow(1, { labels: [1] }),
      { original: portless, status: Status.CONFIRMED },
      { original: { ...portless, protocol: Protocol.ICMP, icmp: { type: 8, code: 0, id: 1 } } },
      { original: { ...portless, protocol: Protocol.GRE } },
    ];
    for (const one of rare) expect(templateOf(encodeFlow(one))).toBe(undefined);
  });

  it('serves a batch, for each form', () => {
    const batch = new RequestBatch(Origin.COMMIT, () => 1);
    const requests: string[] = [];
    const ask: readonly ((bytes: Uint8Array, timeout: number, liberal: boolean) => RequestForm)[] = [
      (bytes, timeout, liberal) => {
        batch.create(bytes, 0, bytes.length, timeout, liberal);
        return stateForm(putCreate, CREATE_STATUS_OUT, timeout !== 0, liberal);
      },
      (bytes, timeout, liberal) => {
        batch.update(bytes, 0, bytes.length, timeout, liberal);
        return stateForm(putUpdate, UPDATE_STATUS_OUT, timeout !== 0, liberal);
      },
      (bytes) => {
        batch.remove(bytes, 0, bytes.length);
        return lookupForm(CtnetlinkMessage.DELETE);
      },
      (bytes) => {
        batch.probe(bytes, 0, bytes.length);
        return lookupForm(CtnetlinkMessage.GET);
      },
    ];
    for (let n = 0; n < 120; n++) {
      const bytes = record(n, n % 7 === 3 ? { ...NATED, helper: 'ftp' } : { ...NATED, timeout: n, mark: n });
      const timeout = n % 5 === 2 ? 0 : n;
      const form = ask[n & 3]!(bytes, timeout, n >= 50);
      requests.push(written(form, bytes, 1 + n, timeout));
    }
    // All but the last one do without an answer.
    const flags = (request: string) => request.slice(0, 12) + request.slice(16);
    const { bytes, at } = batch.writer;
    const all = hex(bytes, 0, at);
    let from = 0;
    for (const request of requests) {
      expect(flags(all.slice(from, from + request.length))).toBe(flags(request));
      from += request.length;
    }
    expect(from).toBe(2 * at);
  });
});
