/** The attributes of a flow: longer than other files, because it is one table. */

import { readNativeU16 } from '../bytes/endian.ts';
import { readU16, readU32 } from '../bytes/integers.ts';
import { formatIpv4, formatIpv6 } from '../flow/address.ts';
import type { Flow } from '../flow/flow.ts';
import { sendsPorts } from '../flow/protocol.ts';
import { Attr, HELPER_TLV_MAX } from './attribute.ts';
import { AttributeTable, rowsOf } from './attribute-table.ts';
import { addressesOf, type Mutable, setAddresses, type TupleParts } from './tuple-parts.ts';
import {
  ADJUSTMENTS,
  BITMASK,
  IPV4_ADDRESS,
  IPV4_PAIR,
  IPV6_ADDRESS,
  IPV6_PAIR,
  NATIVE_U16,
  PORTS,
  readAdjustments,
  readBitmask,
  readPorts,
  readString,
  readSynproxy,
  SYNPROXY,
  string,
  U8,
  U16,
  U32,
} from './value.ts';

/** The parts from which a decoded flow is assembled. */
export interface FlowParts {
  readonly original: TupleParts;
  readonly master: TupleParts;
  readonly flow: Mutable<Partial<Omit<Flow, Nested>>> & {
    [K in Nested]?: Mutable<NonNullable<Flow[K]>>;
  };
}

/** Parts of a flow whose values are attributes of their own. */
type Nested = 'tcp' | 'sctp' | 'dccp' | 'sourceNat' | 'destinationNat';

const row = rowsOf<Flow, FlowParts>();

/** The translated address of one end, if the flow is of this family. */
function translated(family: 4 | 6, { original }: Flow, address: string | undefined): string | undefined {
  return original.family === family ? address : undefined;
}

/**
 * The attributes of a flow, in the C node's sending order; those in one inner array exclude each other.
 * Sizes, order, `encodeFlow`, `decodeFlow` and other modules' sets of attributes derive from this table.
 * Three hot paths have hand-written code instead: `kernel/codec/flow-transcoder.ts` (from the kernel),
 * `kernel/codec/flow-request.ts` (to the kernel) and `table/key.ts`; `test/wire/attribute-table.test.ts`
 * checks them against this table.
 */
export const FLOW_ATTRIBUTES = new AttributeTable<Flow, FlowParts>([
  [
    row(
      Attr.IPV4,
      IPV4_PAIR,
      ({ original }) => addressesOf(4, original),
      ({ original }, bytes, at) => setAddresses(original, 4, bytes, at),
      { required: true, key: true, template: true, update: true },
    ),
    row(
      Attr.IPV6,
      IPV6_PAIR,
      ({ original }) => addressesOf(6, original),
      ({ original }, bytes, at) => setAddresses(original, 6, bytes, at),
      { required: true, key: true, template: true, update: true },
    ),
  ],
  [
    row(
      Attr.STATUS,
      U32,
      ({ status }) => status,
      ({ flow }, bytes, at) => {
        flow.status = readU32(bytes, at);
      },
      { template: true, update: true },
    ),
  ],
  [
    row(
      Attr.L4PROTO,
      U8,
      ({ original }) => original.protocol,
      ({ original }, bytes, at) => {
        original.protocol = bytes[at]!;
      },
      // No `template`: a request template treats another protocol as another layout.
      { required: true, key: true, update: true },
    ),
  ],
  [
    row(
      Attr.PORT,
      PORTS,
      ({ original }) => (sendsPorts(original.protocol) ? original.ports : undefined),
      ({ original }, bytes, at) => {
        original.ports = readPorts(bytes, at);
      },
      { key: true, template: true, update: true },
    ),
  ],
  [
    row(
      Attr.TCP_STATE,
      U8,
      ({ tcp }) => tcp?.state,
      ({ flow }, bytes, at) => {
        flow.tcp ??= {};
        flow.tcp.state = bytes[at]!;
      },
      { template: true, update: true },
    ),
  ],
  [
    row(
      Attr.TCP_WSCALE_ORIG,
      U8,
      ({ tcp }) => tcp?.scaleOriginal,
      ({ flow }, bytes, at) => {
        flow.tcp ??= {};
        flow.tcp.scaleOriginal = bytes[at]!;
      },
      { template: true, update: true },
    ),
  ],
  [
    row(
      Attr.TCP_WSCALE_REPL,
      U8,
      ({ tcp }) => tcp?.scaleReply,
      ({ flow }, bytes, at) => {
        flow.tcp ??= {};
        flow.tcp.scaleReply = bytes[at]!;
      },
      { template: true, update: true },
    ),
  ],
  [
    row(
      Attr.SCTP_STATE,
      U8,
      ({ sctp }) => sctp?.state,
      ({ flow }, bytes, at) => {
        flow.sctp ??= {};
        flow.sctp.state = bytes[at]!;
      },
      { update: true },
    ),
  ],
  [
    row(
      Attr.SCTP_VTAG_ORIG,
      U32,
      ({ sctp }) => sctp?.tagOriginal,
      ({ flow }, bytes, at) => {
        flow.sctp ??= {};
        flow.sctp.tagOriginal = readU32(bytes, at);
      },
      { update: true },
    ),
  ],
  [
    row(
      Attr.SCTP_VTAG_REPL,
      U32,
      ({ sctp }) => sctp?.tagReply,
      ({ flow }, bytes, at) => {
        flow.sctp ??= {};
        flow.sctp.tagReply = readU32(bytes, at);
      },
      { update: true },
    ),
  ],
  [
    row(
      Attr.DCCP_STATE,
      U8,
      ({ dccp }) => dccp?.state,
      ({ flow }, bytes, at) => {
        flow.dccp ??= {};
        flow.dccp.state = bytes[at]!;
      },
      { update: true },
    ),
  ],
  [
    row(
      Attr.DCCP_ROLE,
      U8,
      ({ dccp }) => dccp?.role,
      ({ flow }, bytes, at) => {
        flow.dccp ??= {};
        flow.dccp.role = bytes[at]!;
      },
      { update: true },
    ),
  ],
  [
    row(
      Attr.ICMP_TYPE,
      U8,
      ({ original }) => original.icmp?.type,
      ({ original }, bytes, at) => {
        original.icmp ??= {};
        original.icmp.type = bytes[at]!;
      },
      { key: true, update: true },
    ),
  ],
  [
    row(
      Attr.ICMP_CODE,
      U8,
      ({ original }) => original.icmp?.code,
      ({ original }, bytes, at) => {
        original.icmp ??= {};
        original.icmp.code = bytes[at]!;
      },
      { key: true, update: true },
    ),
  ],
  [
    row(
      Attr.ICMP_ID,
      NATIVE_U16,
      ({ original }) => original.icmp?.id,
      ({ original }, bytes, at) => {
        original.icmp ??= {};
        original.icmp.id = readNativeU16(bytes, at);
      },
      { key: true, update: true },
    ),
  ],
  [
    row(
      Attr.TIMEOUT,
      U32,
      ({ timeout }) => timeout,
      ({ flow }, bytes, at) => {
        flow.timeout = readU32(bytes, at);
      },
      { template: true, update: true },
    ),
  ],
  [
    row(
      Attr.MARK,
      U32,
      ({ mark }) => mark,
      ({ flow }, bytes, at) => {
        flow.mark = readU32(bytes, at);
      },
      { template: true, update: true },
    ),
  ],
  [
    row(
      Attr.MASTER_IPV4,
      IPV4_PAIR,
      ({ master }) => addressesOf(4, master),
      ({ master }, bytes, at) => setAddresses(master, 4, bytes, at),
    ),
    row(
      Attr.MASTER_IPV6,
      IPV6_PAIR,
      ({ master }) => addressesOf(6, master),
      ({ master }, bytes, at) => setAddresses(master, 6, bytes, at),
    ),
  ],
  [
    row(
      Attr.MASTER_L4PROTO,
      U8,
      ({ master }) => master?.protocol,
      ({ master }, bytes, at) => {
        master.protocol = bytes[at]!;
      },
    ),
  ],
  [
    row(
      Attr.MASTER_PORT,
      PORTS,
      ({ master }) => master?.ports,
      ({ master }, bytes, at) => {
        master.ports = readPorts(bytes, at);
      },
    ),
  ],
  [
    row(
      Attr.SNAT_IPV4,
      IPV4_ADDRESS,
      (flow) => translated(4, flow, flow.sourceNat?.address),
      ({ flow }, bytes, at) => {
        flow.sourceNat ??= {};
        flow.sourceNat.address = formatIpv4(bytes, at);
      },
      { template: true },
    ),
  ],
  [
    row(
      Attr.DNAT_IPV4,
      IPV4_ADDRESS,
      (flow) => translated(4, flow, flow.destinationNat?.address),
      ({ flow }, bytes, at) => {
        flow.destinationNat ??= {};
        flow.destinationNat.address = formatIpv4(bytes, at);
      },
      { template: true },
    ),
  ],
  [
    row(
      Attr.SNAT_IPV6,
      IPV6_ADDRESS,
      (flow) => translated(6, flow, flow.sourceNat?.address),
      ({ flow }, bytes, at) => {
        flow.sourceNat ??= {};
        flow.sourceNat.address = formatIpv6(bytes, at);
      },
      { template: true },
    ),
  ],
  [
    row(
      Attr.DNAT_IPV6,
      IPV6_ADDRESS,
      (flow) => translated(6, flow, flow.destinationNat?.address),
      ({ flow }, bytes, at) => {
        flow.destinationNat ??= {};
        flow.destinationNat.address = formatIpv6(bytes, at);
      },
      { template: true },
    ),
  ],
  [
    row(
      Attr.SPAT_PORT,
      NATIVE_U16,
      ({ sourceNat }) => sourceNat?.port,
      ({ flow }, bytes, at) => {
        flow.sourceNat ??= {};
        flow.sourceNat.port = readNativeU16(bytes, at);
      },
      { template: true },
    ),
  ],
  [
    row(
      Attr.DPAT_PORT,
      NATIVE_U16,
      ({ destinationNat }) => destinationNat?.port,
      ({ flow }, bytes, at) => {
        flow.destinationNat ??= {};
        flow.destinationNat.port = readNativeU16(bytes, at);
      },
      { template: true },
    ),
  ],
  [
    row(
      Attr.NAT_SEQ_ADJ,
      ADJUSTMENTS,
      ({ sequenceAdjustment }) => sequenceAdjustment,
      ({ flow }, bytes, at) => {
        flow.sequenceAdjustment = readAdjustments(bytes, at);
      },
      { template: true, update: true },
    ),
  ],
  [
    row(
      Attr.HELPER_NAME,
      string(HELPER_TLV_MAX),
      ({ helper }) => helper,
      ({ flow }, bytes, at, size) => {
        flow.helper = readString(bytes, at, size);
      },
    ),
  ],
  [
    row(
      Attr.LABELS,
      BITMASK,
      ({ labels }) => labels,
      ({ flow }, bytes, at, size) => {
        flow.labels = readBitmask(bytes, at, size);
      },
      { update: true },
    ),
  ],
  [
    row(
      Attr.SYNPROXY,
      SYNPROXY,
      ({ synproxy }) => synproxy,
      ({ flow }, bytes, at) => {
        flow.synproxy = readSynproxy(bytes, at);
      },
      // Every flow created over ctnetlink has one, and so every flow that was committed before.
      { template: true, update: true },
    ),
  ],
  [
    row(
      Attr.ZONE,
      U16,
      ({ zone }) => zone,
      ({ flow }, bytes, at) => {
        flow.zone = readU16(bytes, at);
      },
      { key: true, template: true, update: true },
    ),
  ],
  [
    row(
      Attr.LOCAL_PORT,
      PORTS,
      () => undefined,
      ({ original }, bytes, at) => {
        original.ports = readPorts(bytes, at);
      },
      { key: true, local: true },
    ),
  ],
  [
    row(
      Attr.LOCAL_ID,
      U32,
      () => undefined,
      ({ flow }, bytes, at) => {
        flow.id = readU32(bytes, at);
      },
      { local: true },
    ),
  ],
]);
