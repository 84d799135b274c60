/** The expressions that a rule of nf_tables is made of; what one loads, the next ones compare. */

import type { NetlinkWriter } from '../../system/netlink.ts';
import {
  Bitwise,
  Compare,
  Conntrack,
  Data,
  Expression,
  Immediate,
  Lookup,
  Meta,
  type MetaKey,
  NFT_CT_STATE,
  NFT_LOOKUP_F_INVERTED,
  NFT_OBJECT_COUNTER,
  NFTA_LIST_ELEM,
  NFTA_VERDICT_CODE,
  ObjectReference,
  Operator,
  Payload,
  type PayloadBase,
  Register,
  type Verdict,
} from './nftables-numbers.ts';
import { writeBytes, writeNest, writeText } from './transaction.ts';

type Value<T> = T[keyof T];

/** Writes the expressions of one rule, in order. */
export class RuleWriter {
  private readonly writer: NetlinkWriter;

  constructor(writer: NetlinkWriter) {
    this.writer = writer;
  }

  /** Loads what the kernel knows of the packet. */
  meta(key: Value<typeof MetaKey>): this {
    return this.expression('meta', (writer) => {
      writer.u32(Meta.KEY, key);
      writer.u32(Meta.REGISTER, Register.FIRST);
    });
  }

  /** The rule goes on where the state of the packet's flow is one of these bits. */
  isInState(bits: number): this {
    const bytes = (value: number) => new Uint8Array(new Uint32Array([value]).buffer);
    return this.expression('ct', (writer) => {
      writer.u32(Conntrack.KEY, NFT_CT_STATE);
      writer.u32(Conntrack.REGISTER, Register.FIRST);
    })
      .and(bytes(bits))
      .compare(Operator.NOT_EQUAL, bytes(0));
  }

  /** Loads `length` bytes of a header. */
  payload(base: Value<typeof PayloadBase>, offset: number, length: number): this {
    return this.expression('payload', (writer) => {
      writer.u32(Payload.REGISTER, Register.FIRST);
      writer.u32(Payload.BASE, base);
      writer.u32(Payload.OFFSET, offset);
      writer.u32(Payload.LENGTH, length);
    });
  }

  /** Keeps the first `bits` bits of the `size` bytes that were loaded. */
  prefix(bits: number, size: number): this {
    if (bits === 8 * size) return this;
    const mask = new Uint8Array(size).map((_, at) => 0xff00 >> Math.max(0, Math.min(8, bits - 8 * at)));
    return this.and(mask);
  }

  /** The rule goes on where the loaded bytes are these. */
  is(bytes: Uint8Array): this {
    return this.compare(Operator.EQUAL, bytes);
  }

  /** The rule goes on where the loaded bytes, in network byte order, are from `first` to `last`. */
  isWithin(first: Uint8Array, last: Uint8Array): this {
    return this.compare(Operator.GREATER_OR_EQUAL, first).compare(Operator.LESS_OR_EQUAL, last);
  }

  /** The rule goes on where the set has the loaded bytes. */
  isIn(set: string): this {
    return this.lookup(set, 0);
  }

  isNotIn(set: string): this {
    return this.lookup(set, NFT_LOOKUP_F_INVERTED);
  }

  /** Counts the packet in a counter of the table. */
  count(counter: string): this {
    return this.expression('objref', (writer) => {
      writer.u32(ObjectReference.TYPE, NFT_OBJECT_COUNTER);
      writeText(writer, ObjectReference.NAME, counter);
    });
  }

  /** Ends the rule. */
  verdict(code: Value<typeof Verdict>): void {
    this.expression('immediate', (writer) => {
      writer.u32(Immediate.REGISTER, Register.VERDICT);
      writeNest(writer, Immediate.DATA, () =>
        writeNest(writer, Data.VERDICT, () => writer.u32(NFTA_VERDICT_CODE, code)),
      );
    });
  }

  private and(mask: Uint8Array): this {
    return this.expression('bitwise', (writer) => {
      writer.u32(Bitwise.SOURCE, Register.FIRST);
      writer.u32(Bitwise.DESTINATION, Register.FIRST);
      writer.u32(Bitwise.LENGTH, mask.length);
      writeNest(writer, Bitwise.MASK, () => writeBytes(writer, Data.VALUE, mask));
      writeNest(writer, Bitwise.XOR, () => writeBytes(writer, Data.VALUE, new Uint8Array(mask.length)));
    });
  }

  private lookup(set: string, flags: number): this {
    return this.expression('lookup', (writer) => {
      writeText(writer, Lookup.SET, set);
      writer.u32(Lookup.REGISTER, Register.FIRST);
      if (flags !== 0) writer.u32(Lookup.FLAGS, flags);
    });
  }

  private compare(operator: Value<typeof Operator>, bytes: Uint8Array): this {
    return this.expression('cmp', (writer) => {
      writer.u32(Compare.REGISTER, Register.FIRST);
      writer.u32(Compare.OPERATOR, operator);
      writeNest(writer, Compare.DATA, () => writeBytes(writer, Data.VALUE, bytes));
    });
  }

  private expression(name: string, write: (writer: NetlinkWriter) => void): this {
    const { writer } = this;
    writeNest(writer, NFTA_LIST_ELEM, () => {
      writeText(writer, Expression.NAME, name);
      writeNest(writer, Expression.DATA, () => write(writer));
    });
    return this;
  }
}
