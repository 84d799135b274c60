import { networkWord } from '../../bytes/endian.ts';
import { writeU16 } from '../../bytes/integers.ts';
import type { Count } from '../../flow/accounting.ts';
import { Change, Origin } from '../../flow/change.ts';
import type { Expectation } from '../../flow/expectation.ts';
import type { Flow } from '../../flow/flow.ts';
import { Protocol, sendsPorts } from '../../flow/protocol.ts';
import type { Tuple } from '../../flow/tuple.ts';
import { Attr, TLV_HEADER } from '../../wire/attribute.ts';
import { encodeFlow } from '../../wire/encode.ts';
import { tupleHasPorts } from '../codec/request-tuple.ts';
import { FlowLifeCycle } from './flow-life-cycle.ts';
import { statusAt, valueAt } from './flow-record.ts';
import { originalKey, protocolOf } from './tuple-key.ts';

/** Attributes that packets change, in record order. */
const CHANGED_BY_TRAFFIC: readonly number[] = [
  Attr.TCP_STATE,
  Attr.TCP_WSCALE_ORIG,
  Attr.TCP_WSCALE_REPL,
  Attr.SCTP_STATE,
  Attr.SCTP_VTAG_ORIG,
  Attr.SCTP_VTAG_REPL,
  Attr.DCCP_STATE,
  Attr.DCCP_ROLE,
  Attr.MARK,
  Attr.MASTER_IPV4,
  Attr.MASTER_IPV6,
  Attr.MASTER_L4PROTO,
  Attr.MASTER_PORT,
  Attr.NAT_SEQ_ADJ,
  Attr.HELPER_NAME,
  Attr.LABELS,
  Attr.SYNPROXY,
];

/**
 * What packets do to the table, in two forms. The methods that take tuples and `Flow`s are for tests:
 * `originate`, `setState`, `refresh`, `expire`. Those that take records and handles are for workloads, and
 * cost a fraction of a microsecond per event: `begin` takes a canonical record and returns a *handle*, a
 * positive number that names the flow to `setTcpState`, `setStatus`, `setMark`, `extend` and `end`. These
 * return false for the handle of a flow that has ended; it never names another flow.
 */
export class PacketSide extends FlowLifeCycle {
  // ---- By records and handles ----

  /**
   * Starts a flow, as its first packet does. `bytes[start, end)` is its canonical record (see `encodeFlow`):
   * status bits, protocol state, mark, master, helper and the rest come from it, and the translation from
   * SNAT, DNAT and ports; its TIMEOUT is ignored. Returns the flow's handle, or the negative errno for which
   * the kernel would drop the packet.
   * @param timeout seconds
   */
  begin(bytes: Uint8Array, start: number, end: number, timeout: number): number {
    this.attributes.load(bytes, start, end);
    originalKey(this.attributes, this.original);
    const slot = this.insert(timeout, Origin.OTHER, this.withScales);
    return slot < 0 ? slot : this.table.handleOf(slot);
  }

  /**
   * Handle of the flow that a packet belongs to, in either direction; 0 if there is none. The packet's tuple
   * is the original tuple of the canonical record `bytes[start, end)`, in that record's zone.
   */
  find(bytes: Uint8Array, start: number, end: number): number {
    this.attributes.load(bytes, start, end);
    originalKey(this.attributes, this.lookupKey);
    return this.soughtHandle();
  }

  /** True if the flow has not ended. */
  lives(handle: number): boolean {
    return this.table.slotOf(handle) >= 0;
  }

  /**
   * A packet changes the state of a TCP flow to `state` (an index into `TCP_STATES`), adds `status` bits,
   * and sets the timeout to `timeout` seconds. False if the flow has ended.
   * @throws RangeError if the flow is not TCP
   */
  setTcpState(handle: number, state: number, status: number, timeout: number): boolean {
    const { table } = this;
    const slot = table.slotOf(handle);
    if (slot < 0) return false;
    if (protocolOf(table.keys, table.keyAt(slot)) !== Protocol.TCP) throw new RangeError('no TCP flow');
    const words = table.wordsOf(slot);
    const at = statusAt(words, table.wordOf(slot));
    // L4PROTO and PORT follow STATUS, two words each; then comes the state's header and value.
    words[at + 6] = networkWord(state << 24);
    words[at]! |= networkWord(status);
    this.expiry.set(slot, this.now + timeout * 1000);
    this.emitEvent(Change.UPDATE, Origin.OTHER, slot);
    return true;
  }

  /**
   * A packet adds `status` bits to a flow of any protocol, and sets the timeout to `timeout` seconds. False
   * if it has ended.
   */
  setStatus(handle: number, status: number, timeout: number): boolean {
    const slot = this.table.slotOf(handle);
    if (slot < 0) return false;
    this.addStatus(slot, status);
    this.expiry.set(slot, this.now + timeout * 1000);
    this.emitEvent(Change.UPDATE, Origin.OTHER, slot);
    return true;
  }

  /** A rule sets a flow's mark. False if the flow has ended. */
  setMark(handle: number, mark: number): boolean {
    const { table } = this;
    const slot = table.slotOf(handle);
    if (slot < 0) return false;
    const words = table.wordsOf(slot);
    words[valueAt(words, table.wordOf(slot), table.countOf(slot), Attr.MARK)] = networkWord(mark);
    this.emitEvent(Change.UPDATE, Origin.OTHER, slot);
    return true;
  }

  /**
   * A packet that changes no state sets the timeout to `timeout` seconds, without an event. False if the
   * flow has ended.
   */
  extend(handle: number, timeout: number): boolean {
    const slot = this.table.slotOf(handle);
    if (slot < 0) return false;
    this.expiry.set(slot, this.now + timeout * 1000);
    return true;
  }

  /** Ends a flow as its timeout does. False if it has already ended. */
  end(handle: number): boolean {
    const slot = this.table.slotOf(handle);
    if (slot < 0) return false;
    this.delete(slot, Origin.OTHER);
    return true;
  }

  // ---- By tuples ----

  /**
   * Starts a flow, as its first packet does, with these states and the translation in `sourceNat` and
   * `destinationNat`. Returns 0, or the errno for which the kernel would drop the packet.
   */
  originate(flow: Flow, timeout: number): number {
    const record = withLocalPorts(encodeFlow(flow), flow.original);
    return Math.max(0, -Math.min(0, this.begin(record, 0, record.length, timeout)));
  }

  /** The flow that a packet with this tuple belongs to, in either direction. */
  lookup(tuple: Tuple, zone = 0): Flow | undefined {
    const slot = this.table.slotOf(this.handleOf(tuple, zone));
    if (slot < 0) return undefined;
    const known = this.shown.get(slot);
    if (known !== undefined) return known;
    const flow = this.flowOf(slot);
    this.shown.set(slot, flow);
    return flow;
  }

  /** A packet of an existing flow sets the timeout to `timeout` seconds. False if there is no such flow. */
  refresh(tuple: Tuple, timeout: number, zone = 0): boolean {
    return this.extend(this.handleOf(tuple, zone), timeout);
  }

  /**
   * A packet changes an existing flow: adds status bits, and replaces the other fields. False if there is no
   * such flow.
   */
  setState(tuple: Tuple, change: Partial<Omit<Flow, 'original' | 'reply'>>, zone = 0): boolean {
    const slot = this.table.slotOf(this.handleOf(tuple, zone));
    if (slot < 0) return false;
    const { timeout, status = 0, ...fields } = change;
    const record = encodeFlow({ ...fields, original: tuple });
    this.attributes.load(record, 0, record.length);
    this.merge(slot, CHANGED_BY_TRAFFIC);
    this.addStatus(slot, status);
    if (timeout !== undefined) this.expiry.set(slot, this.now + timeout * 1000);
    this.emitEvent(Change.UPDATE, Origin.OTHER, slot);
    return true;
  }

  /** Sets a flow's traffic, as the kernel counts it (`nf_conntrack_acct`). False if there is no such flow. */
  count(tuple: Tuple, original: Count, reply: Count, zone = 0): boolean {
    const slot = this.table.slotOf(this.handleOf(tuple, zone));
    if (slot < 0) return false;
    this.traffic.set(slot, { original, reply });
    return true;
  }

  /** Ends a flow as its timeout does. False if there is no such flow. */
  expire(tuple: Tuple, zone = 0): boolean {
    return this.end(this.handleOf(tuple, zone));
  }

  /** A helper creates an expectation. Returns 0 or an errno. */
  expect(expectation: Expectation, timeout: number): number {
    return this.insertExpectation(expectation, timeout, Origin.OTHER);
  }

  /** Sets the time to `now`, in milliseconds, and ends what has timed out, in order of time. */
  advance(now: number): void {
    if (now < this.now) throw new RangeError(`time does not go back: ${now} after ${this.now}`);
    this.now = now;
    if (this.expiry.earliest <= now) {
      for (let slot = this.expiry.take(now); slot >= 0; slot = this.expiry.take(now)) {
        this.delete(slot, Origin.OTHER);
      }
    }
    if (this.expectations.earliest <= now) this.expectations.advance(now);
  }
}

/** Adds LOCAL_PORT to the record of a flow whose ports are not on the wire. */
function withLocalPorts(record: Uint8Array, tuple: Tuple): Uint8Array {
  const { protocol, ports } = tuple;
  const local = tupleHasPorts(protocol) && !sendsPorts(protocol);
  if (!local || ports === undefined) return record;
  const whole = new Uint8Array(record.length + TLV_HEADER + 4);
  whole.set(record);
  writeU16(whole, record.length, TLV_HEADER + 4);
  writeU16(whole, record.length + 2, Attr.LOCAL_PORT);
  writeU16(whole, record.length + 4, ports.source);
  writeU16(whole, record.length + 6, ports.destination);
  return whole;
}
