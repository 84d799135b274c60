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

/** What packets change, in the order of a record. */
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
 * What packets do to the table. There are two forms. One takes tuples and `Flow`s, for tests: `originate`, `setState`, `refresh`,
 * `expire`. The other takes records and handles, for workloads, and costs a fraction of a microsecond an event: `begin` takes a
 * canonical record and returns a *handle*, a positive number that names the flow to `setTcpState`, `setStatus`, `setMark`, `extend`
 * and `end`. The handle of a flow that has ended never names another one: they return false for it.
 */
export class PacketSide extends FlowLifeCycle {
  // ---- By records and handles ----

  /**
   * A new flow, as its first packet makes one. `bytes[start, end)` is its canonical record (`encodeFlow` makes one): status
   * bits, protocol state, mark, master, helper and the rest are taken from it, its translation from SNAT, DNAT and ports;
   * its TIMEOUT is not. Returns the flow's handle, or as a negative number the errno for which the packet would be dropped.
   * @param timeout seconds
   */
  begin(bytes: Uint8Array, start: number, end: number, timeout: number): number {
    this.attributes.load(bytes, start, end);
    originalKey(this.attributes, this.original);
    const slot = this.insert(timeout, Origin.OTHER, this.withScales);
    return slot < 0 ? slot : this.table.handleOf(slot);
  }

  /**
   * Handle of the flow to which a packet belongs whose tuple is the original tuple of the canonical record
   * `bytes[start, end)`, in that record's zone; it may be of either direction of the flow. 0 if there is none.
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
   * A packet changes the state of a TCP flow: it is in `state` (index into `TCP_STATES`), has `status` bits more, and lives
   * for another `timeout` seconds. False if the flow has ended.
   * @throws RangeError if it is no TCP flow
   */
  setTcpState(handle: number, state: number, status: number, timeout: number): boolean {
    const { table } = this;
    const slot = table.slotOf(handle);
    if (slot < 0) return false;
    if (protocolOf(table.keys, table.keyAt(slot)) !== Protocol.TCP) throw new RangeError('no TCP flow');
    const words = table.wordsOf(slot);
    const at = statusAt(words, table.wordOf(slot));
    // Behind STATUS: L4PROTO and PORT, two words each, then the state with a header before it.
    words[at + 6] = networkWord(state << 24);
    words[at]! |= networkWord(status);
    this.expiry.set(slot, this.now + timeout * 1000);
    this.tell(Change.UPDATE, Origin.OTHER, slot);
    return true;
  }

  /** A packet gives a flow of any protocol `status` bits more and another `timeout` seconds. False if it has ended. */
  setStatus(handle: number, status: number, timeout: number): boolean {
    const slot = this.table.slotOf(handle);
    if (slot < 0) return false;
    this.addStatus(slot, status);
    this.expiry.set(slot, this.now + timeout * 1000);
    this.tell(Change.UPDATE, Origin.OTHER, slot);
    return true;
  }

  /** A rule marks a flow. False if it has ended. */
  setMark(handle: number, mark: number): boolean {
    const { table } = this;
    const slot = table.slotOf(handle);
    if (slot < 0) return false;
    const words = table.wordsOf(slot);
    words[valueAt(words, table.wordOf(slot), table.countOf(slot), Attr.MARK)] = networkWord(mark);
    this.tell(Change.UPDATE, Origin.OTHER, slot);
    return true;
  }

  /** A packet that changes no state: the flow lives for another `timeout` seconds, and nobody is told. False if it has ended. */
  extend(handle: number, timeout: number): boolean {
    const slot = this.table.slotOf(handle);
    if (slot < 0) return false;
    this.expiry.set(slot, this.now + timeout * 1000);
    return true;
  }

  /** Ends a flow as its timeout does. False if it has ended already. */
  end(handle: number): boolean {
    const slot = this.table.slotOf(handle);
    if (slot < 0) return false;
    this.delete(slot, Origin.OTHER);
    return true;
  }

  // ---- By tuples ----

  /**
   * A new flow, as its first packet makes one: with these states, and translated as `sourceNat` and `destinationNat` say.
   * Returns 0, or the errno for which the packet would be dropped.
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

  /** A packet of a known flow: it lives for another `timeout` seconds. False if there is no such flow. */
  refresh(tuple: Tuple, timeout: number, zone = 0): boolean {
    return this.extend(this.handleOf(tuple, zone), timeout);
  }

  /** A packet changes a known flow: status bits are added, the other fields replaced. False if there is no such flow. */
  setState(tuple: Tuple, change: Partial<Omit<Flow, 'original' | 'reply'>>, zone = 0): boolean {
    const slot = this.table.slotOf(this.handleOf(tuple, zone));
    if (slot < 0) return false;
    const { timeout, status = 0, ...fields } = change;
    const record = encodeFlow({ ...fields, original: tuple });
    this.attributes.load(record, 0, record.length);
    this.merge(slot, CHANGED_BY_TRAFFIC);
    this.addStatus(slot, status);
    if (timeout !== undefined) this.expiry.set(slot, this.now + timeout * 1000);
    this.tell(Change.UPDATE, Origin.OTHER, slot);
    return true;
  }

  /** What a flow has carried, as the kernel counts it (`nf_conntrack_acct`). False if there is no such flow. */
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

  /** A helper expects a flow. Returns 0 or an errno. */
  expect(expectation: Expectation, timeout: number): number {
    return this.insertExpectation(expectation, timeout, Origin.OTHER);
  }

  /** Lets the time be `now`, in milliseconds, and ends what has timed out, in order of time. */
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

/** Adds LOCAL_PORT to the record of a flow whose ports do not travel. */
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
