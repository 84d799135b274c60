import { wordsOf } from '../../bytes/words.ts';
import type { AllowedTraffic } from '../../settings/allowed-traffic.ts';
import { Errno } from '../../system/errno.ts';
import type { Libc } from '../../system/libc.ts';
import { findAttributes, HEADERS, NLM_F_CREATE, NLM_F_EXCL } from '../../system/netlink.ts';
import { KernelError } from '../kernel.ts';
import { RuleWriter } from './expressions.ts';
import {
  DROPPED_COUNTER,
  GUARDED,
  guardRules,
  OWN_COUNTER,
  OWN4,
  OWN6,
  type WriteRule,
} from './guard-rules.ts';
import {
  Chain,
  Counter,
  Data,
  Element,
  Elements,
  Hook,
  KeyType,
  NF_INET_PRE_ROUTING,
  NFT_OBJECT_COUNTER,
  NFT_SET_TIMEOUT,
  NFT_TABLE_F_OWNER,
  NFTA_LIST_ELEM,
  NftMessage,
  NftObject,
  NftSet,
  NLM_F_APPEND,
  Rule,
  Table,
  Verdict,
} from './nftables-numbers.ts';
import { NftablesSocket } from './nftables-socket.ts';
import { Transaction, writeBytes, writeNest, writeText, writeU64 } from './transaction.ts';

/** The name of the table. */
export const GUARD_TABLE = 'conntrackd-ts';
const CHAIN = 'guard';
const COMMENT = 'drops what arrives at a new primary before its flows are committed';

/** NFTNL_UDATA_TABLE_COMMENT. Source: libnftnl, `include/libnftnl/udata.h`. */
const USERDATA_COMMENT = 0;

/** NFTNL_UDATA_SET_KEYBYTEORDER, and BYTEORDER_HOST_ENDIAN: without them nft shows the names of interfaces empty. */
const USERDATA_KEY_BYTE_ORDER = 0;
const HOST_ENDIAN = 1;

/**
 * After connection tracking (-200), which knows whether the packet's flow is committed, and before mangle (-150) and translation
 * (-100): a flow that a packet begins is in no table before its first packet has passed all hooks, so one that is dropped
 * here leaves nothing behind.
 */
const PRIORITY = -190;

const INTERFACE_NAME_BYTES = 16;
/** Room for a table with rules, in bytes: 64 things let through need some 300 each. */
const TABLE_BYTES = 1 << 16;
/** An element of a set with an IPv6 address, in bytes. */
const ELEMENT_BYTES = 32;
/** Elements of one message at most: the length of an attribute is a u16. */
const ELEMENTS_PER_MESSAGE = 1024;
const HEADROOM_BYTES = 4096;

export interface PacketCounter {
  readonly packets: number;
  readonly bytes: number;
}

export interface GuardCounters {
  readonly dropped: PacketCounter;
  /** Let through because they went to an address of this machine. */
  readonly own: PacketCounter;
}

export interface GuardTableOptions {
  readonly interfaces: readonly string[];
  readonly allow: readonly AllowedTraffic[];
  /** The kernel forgets the guarded interfaces in this time, unless they are renewed. */
  readonly timeoutMs: number;
}

/**
 * The guard in the kernel: a table of nf_tables that belongs to this object's socket. It drops what arrives on the interfaces
 * in a set, before connection tracking sees it. The set forgets its elements after a time by itself, and the table goes
 * when the socket is closed, however this process ends.
 */
export class GuardTable {
  private readonly options: GuardTableOptions;
  private readonly socket: NftablesSocket;

  /**
   * Makes the table, with nothing guarded.
   * @throws KernelError that says what the kernel lacks
   */
  constructor(system: Libc, options: GuardTableOptions) {
    this.options = options;
    this.socket = new NftablesSocket(system);
    try {
      this.probe();
      this.create();
    } catch (error) {
      this.socket.close();
      throw error;
    }
  }

  /** Makes the table anew, with nothing guarded. @throws KernelError */
  create(): void {
    const { allow, timeoutMs } = this.options;
    const made = new Transaction(this.socket.nextSequence, TABLE_BYTES);
    made.add(NftMessage.NEW_TABLE, NLM_F_CREATE | NLM_F_EXCL, (writer) => {
      writeText(writer, Table.NAME, GUARD_TABLE);
      writer.u32(Table.FLAGS, NFT_TABLE_F_OWNER);
      writeBytes(writer, Table.USERDATA, commentUserdata(COMMENT));
    });
    for (const name of [DROPPED_COUNTER, OWN_COUNTER]) addCounter(made, name);
    addSet(made, 1, GUARDED, KeyType.INTERFACE_NAME, INTERFACE_NAME_BYTES, timeoutMs);
    addSet(made, 2, OWN4, KeyType.IPV4_ADDRESS, 4, undefined);
    addSet(made, 3, OWN6, KeyType.IPV6_ADDRESS, 16, undefined);
    made.add(NftMessage.NEW_CHAIN, NLM_F_CREATE, (writer) => {
      writeText(writer, Chain.TABLE, GUARD_TABLE);
      writeText(writer, Chain.NAME, CHAIN);
      writeNest(writer, Chain.HOOK, () => {
        writer.u32(Hook.NUMBER, NF_INET_PRE_ROUTING);
        writer.u32(Hook.PRIORITY, PRIORITY);
      });
      writer.u32(Chain.POLICY, Verdict.ACCEPT);
      writeText(writer, Chain.TYPE, 'filter');
    });
    for (const rule of guardRules(allow)) addRule(made, rule);
    try {
      this.socket.commit(made);
    } catch (error) {
      throw explainCreation(error);
    }
  }

  /** Guards the interfaces from now on, for the time of the options. @throws KernelError, ENOENT where the table is gone */
  renew(): void {
    const { interfaces } = this.options;
    const renewed = this.transaction(interfaces.length);
    replaceElements(renewed, GUARDED, interfaces.map(interfaceKey));
    this.socket.commit(renewed);
  }

  /** Guards no interface any more. @throws KernelError, ENOENT where the table is gone */
  lift(): void {
    const lifted = this.transaction(0);
    replaceElements(lifted, GUARDED, []);
    this.socket.commit(lifted);
  }

  /** Lets through what goes to these addresses (4 or 16 bytes) and no others. @throws KernelError, ENOENT where the table is gone */
  setOwnAddresses(addresses: readonly Uint8Array[]): void {
    const replaced = this.transaction(addresses.length);
    replaceElements(
      replaced,
      OWN4,
      addresses.filter(({ length }) => length === 4),
    );
    replaceElements(
      replaced,
      OWN6,
      addresses.filter(({ length }) => length === 16),
    );
    this.socket.commit(replaced);
  }

  /** Counts since the table was made. @throws KernelError, ENOENT where the table is gone */
  counters(): GuardCounters {
    return { dropped: this.counter(DROPPED_COUNTER), own: this.counter(OWN_COUNTER) };
  }

  close(): void {
    this.socket.close();
  }

  private transaction(elements: number): Transaction {
    return new Transaction(this.socket.nextSequence, HEADROOM_BYTES + elements * ELEMENT_BYTES);
  }

  private probe(): void {
    try {
      this.socket.request(
        NftMessage.GET_GENERATION,
        () => {},
        () => {},
      );
    } catch (error) {
      if (
        error instanceof KernelError &&
        (error.errno === Errno.EINVAL || error.errno === Errno.EOPNOTSUPP)
      ) {
        throw new KernelError(
          'the kernel has no nf_tables (load nf_tables, or build it: CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET)',
          error.errno,
        );
      }
      if (error instanceof KernelError && error.errno === Errno.EPERM) {
        throw new KernelError('nf_tables: needs CAP_NET_ADMIN (run as root)', error.errno);
      }
      throw error;
    }
  }

  private counter(name: string): PacketCounter {
    let found: PacketCounter = { packets: 0, bytes: 0 };
    this.socket.request(
      NftMessage.GET_OBJECT,
      (writer) => {
        writeText(writer, NftObject.TABLE, GUARD_TABLE);
        writeText(writer, NftObject.NAME, name);
        writer.u32(NftObject.TYPE, NFT_OBJECT_COUNTER);
      },
      (bytes, start, length) => {
        found = readCounter(bytes, start + HEADERS, start + length);
      },
    );
    return found;
  }
}

function explainCreation(error: unknown): unknown {
  if (!(error instanceof KernelError)) return error;
  switch (error.errno) {
    // A table with an owner is refused with EPERM; that we may make tables, the probe has shown.
    case Errno.EPERM:
      return new KernelError(
        `another process owns the table inet ${GUARD_TABLE}: does a daemon with a guard run here already?`,
        error.errno,
      );
    case Errno.EEXIST:
      return new KernelError(
        `there is a table inet ${GUARD_TABLE} already: nft delete table inet ${GUARD_TABLE}`,
        error.errno,
      );
    case Errno.EINVAL:
    case Errno.EOPNOTSUPP:
      return new KernelError(
        'the kernel refuses a table of nf_tables with an owner: it needs Linux 5.12 or newer, with CONFIG_NF_TABLES_INET',
        error.errno,
      );
    default:
      return error;
  }
}

function addCounter(transaction: Transaction, name: string): void {
  transaction.add(NftMessage.NEW_OBJECT, NLM_F_CREATE, (writer) => {
    writeText(writer, NftObject.TABLE, GUARD_TABLE);
    writeText(writer, NftObject.NAME, name);
    writer.u32(NftObject.TYPE, NFT_OBJECT_COUNTER);
    writeNest(writer, NftObject.DATA, () => {
      writeU64(writer, Counter.BYTES, 0);
      writeU64(writer, Counter.PACKETS, 0);
    });
  });
}

function addSet(
  transaction: Transaction,
  id: number,
  name: string,
  keyType: number,
  keyLength: number,
  timeoutMs: number | undefined,
): void {
  transaction.add(NftMessage.NEW_SET, NLM_F_CREATE, (writer) => {
    writeText(writer, NftSet.TABLE, GUARD_TABLE);
    writeText(writer, NftSet.NAME, name);
    writer.u32(NftSet.FLAGS, timeoutMs === undefined ? 0 : NFT_SET_TIMEOUT);
    writer.u32(NftSet.KEY_TYPE, keyType);
    writer.u32(NftSet.KEY_LENGTH, keyLength);
    writer.u32(NftSet.ID, id);
    if (timeoutMs !== undefined) writeU64(writer, NftSet.TIMEOUT, timeoutMs);
    if (keyType === KeyType.INTERFACE_NAME) writeBytes(writer, NftSet.USERDATA, keyOrderUserdata());
  });
}

function addRule(transaction: Transaction, write: WriteRule): void {
  transaction.add(NftMessage.NEW_RULE, NLM_F_CREATE | NLM_F_APPEND, (writer) => {
    writeText(writer, Rule.TABLE, GUARD_TABLE);
    writeText(writer, Rule.CHAIN, CHAIN);
    writeNest(writer, Rule.EXPRESSIONS, () => write(new RuleWriter(writer)));
  });
}

/** A message without elements removes all. */
function replaceElements(transaction: Transaction, set: string, keys: readonly Uint8Array[]): void {
  transaction.add(NftMessage.DELETE_ELEMENTS, 0, (writer) => {
    writeText(writer, Elements.TABLE, GUARD_TABLE);
    writeText(writer, Elements.SET, set);
  });
  for (let from = 0; from < keys.length; from += ELEMENTS_PER_MESSAGE) {
    transaction.add(NftMessage.NEW_ELEMENTS, NLM_F_CREATE, (writer) => {
      writeText(writer, Elements.TABLE, GUARD_TABLE);
      writeText(writer, Elements.SET, set);
      writeNest(writer, Elements.ELEMENTS, () => {
        for (const key of keys.slice(from, from + ELEMENTS_PER_MESSAGE)) {
          writeNest(writer, NFTA_LIST_ELEM, () =>
            writeNest(writer, Element.KEY, () => writeBytes(writer, Data.VALUE, key)),
          );
        }
      });
    });
  }
}

function interfaceKey(name: string): Uint8Array {
  const key = new Uint8Array(INTERFACE_NAME_BYTES);
  key.set(new TextEncoder().encode(name));
  return key;
}

/** Type and length, a byte each, and a u32 in this machine's byte order. */
function keyOrderUserdata(): Uint8Array {
  const order = new Uint8Array(new Uint32Array([HOST_ENDIAN]).buffer);
  return Uint8Array.of(USERDATA_KEY_BYTE_ORDER, order.length, ...order);
}

/** Type and length, a byte each, and the text with its NUL. */
function commentUserdata(comment: string): Uint8Array {
  const text = new TextEncoder().encode(`${comment}\0`);
  return Uint8Array.of(USERDATA_COMMENT, text.length, ...text);
}

/** The counter in the attributes of an object in `bytes[start, end)`; zeros where it has none. */
function readCounter(bytes: Uint8Array, start: number, end: number): PacketCounter {
  const words = wordsOf(bytes);
  const at = new Int32Array(NftObject.DATA + 1);
  const size = new Int32Array(NftObject.DATA + 1);
  const inner = new Int32Array(Counter.PACKETS + 1);
  const innerSize = new Int32Array(Counter.PACKETS + 1);
  if (!findAttributes(words, start, end, at, size)) return { packets: 0, bytes: 0 };
  const data = at[NftObject.DATA]!;
  if (data === 0 || !findAttributes(words, data, data + size[NftObject.DATA]!, inner, innerSize)) {
    return { packets: 0, bytes: 0 };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const value = (type: number) =>
    inner[type] === 0 || innerSize[type] !== 8 ? 0 : Number(view.getBigUint64(inner[type]!));
  return { packets: value(Counter.PACKETS), bytes: value(Counter.BYTES) };
}
