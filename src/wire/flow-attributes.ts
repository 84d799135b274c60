/** The attributes of a flow: longer than other files, because it is one table. */

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
  readonly flow: Mutable<Partial<Flow>>;
}

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
      ({ original }, pair) => setAddresses(original, 4, pair),
      { required: true, key: true, template: true, update: true },
    ),
    row(
      Attr.IPV6,
      IPV6_PAIR,
      ({ original }) => addressesOf(6, original),
      ({ original }, pair) => setAddresses(original, 6, pair),
      { required: true, key: true, template: true, update: true },
    ),
  ],
  [
    row(
      Attr.STATUS,
      U32,
      ({ status }) => status,
      ({ flow }, status) => {
        flow.status = status;
      },
      { template: true, update: true },
    ),
  ],
  [
    row(
      Attr.L4PROTO,
      U8,
      ({ original }) => original.protocol,
      ({ original }, protocol) => {
        original.protocol = protocol;
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
      ({ original }, ports) => {
        original.ports = ports;
      },
      { key: true, template: true, update: true },
    ),
  ],
  [
    row(
      Attr.TCP_STATE,
      U8,
      ({ tcp }) => tcp?.state,
      ({ flow }, state) => {
        flow.tcp = { ...flow.tcp, state };
      },
      { template: true, update: true },
    ),
  ],
  [
    row(
      Attr.TCP_WSCALE_ORIG,
      U8,
      ({ tcp }) => tcp?.scaleOriginal,
      ({ flow }, scaleOriginal) => {
        flow.tcp = { ...flow.tcp, scaleOriginal };
      },
      { template: true, update: true },
    ),
  ],
  [
    row(
      Attr.TCP_WSCALE_REPL,
      U8,
      ({ tcp }) => tcp?.scaleReply,
      ({ flow }, scaleReply) => {
        flow.tcp = { ...flow.tcp, scaleReply };
      },
      { template: true, update: true },
    ),
  ],
  [
    row(
      Attr.SCTP_STATE,
      U8,
      ({ sctp }) => sctp?.state,
      ({ flow }, state) => {
        flow.sctp = { ...flow.sctp, state };
      },
      { update: true },
    ),
  ],
  [
    row(
      Attr.SCTP_VTAG_ORIG,
      U32,
      ({ sctp }) => sctp?.tagOriginal,
      ({ flow }, tagOriginal) => {
        flow.sctp = { ...flow.sctp, tagOriginal };
      },
      { update: true },
    ),
  ],
  [
    row(
      Attr.SCTP_VTAG_REPL,
      U32,
      ({ sctp }) => sctp?.tagReply,
      ({ flow }, tagReply) => {
        flow.sctp = { ...flow.sctp, tagReply };
      },
      { update: true },
    ),
  ],
  [
    row(
      Attr.DCCP_STATE,
      U8,
      ({ dccp }) => dccp?.state,
      ({ flow }, state) => {
        flow.dccp = { ...flow.dccp, state };
      },
      { update: true },
    ),
  ],
  [
    row(
      Attr.DCCP_ROLE,
      U8,
      ({ dccp }) => dccp?.role,
      ({ flow }, role) => {
        flow.dccp = { ...flow.dccp, role };
      },
      { update: true },
    ),
  ],
  [
    row(
      Attr.ICMP_TYPE,
      U8,
      ({ original }) => original.icmp?.type,
      ({ original }, type) => {
        original.icmp = { ...original.icmp, type };
      },
      { key: true, update: true },
    ),
  ],
  [
    row(
      Attr.ICMP_CODE,
      U8,
      ({ original }) => original.icmp?.code,
      ({ original }, code) => {
        original.icmp = { ...original.icmp, code };
      },
      { key: true, update: true },
    ),
  ],
  [
    row(
      Attr.ICMP_ID,
      NATIVE_U16,
      ({ original }) => original.icmp?.id,
      ({ original }, id) => {
        original.icmp = { ...original.icmp, id };
      },
      { key: true, update: true },
    ),
  ],
  [
    row(
      Attr.TIMEOUT,
      U32,
      ({ timeout }) => timeout,
      ({ flow }, timeout) => {
        flow.timeout = timeout;
      },
      { template: true, update: true },
    ),
  ],
  [
    row(
      Attr.MARK,
      U32,
      ({ mark }) => mark,
      ({ flow }, mark) => {
        flow.mark = mark;
      },
      { template: true, update: true },
    ),
  ],
  [
    row(
      Attr.MASTER_IPV4,
      IPV4_PAIR,
      ({ master }) => addressesOf(4, master),
      ({ master }, pair) => setAddresses(master, 4, pair),
    ),
    row(
      Attr.MASTER_IPV6,
      IPV6_PAIR,
      ({ master }) => addressesOf(6, master),
      ({ master }, pair) => setAddresses(master, 6, pair),
    ),
  ],
  [
    row(
      Attr.MASTER_L4PROTO,
      U8,
      ({ master }) => master?.protocol,
      ({ master }, protocol) => {
        master.protocol = protocol;
      },
    ),
  ],
  [
    row(
      Attr.MASTER_PORT,
      PORTS,
      ({ master }) => master?.ports,
      ({ master }, ports) => {
        master.ports = ports;
      },
    ),
  ],
  [
    row(
      Attr.SNAT_IPV4,
      IPV4_ADDRESS,
      (flow) => translated(4, flow, flow.sourceNat?.address),
      ({ flow }, address) => {
        flow.sourceNat = { ...flow.sourceNat, address };
      },
      { template: true },
    ),
  ],
  [
    row(
      Attr.DNAT_IPV4,
      IPV4_ADDRESS,
      (flow) => translated(4, flow, flow.destinationNat?.address),
      ({ flow }, address) => {
        flow.destinationNat = { ...flow.destinationNat, address };
      },
      { template: true },
    ),
  ],
  [
    row(
      Attr.SNAT_IPV6,
      IPV6_ADDRESS,
      (flow) => translated(6, flow, flow.sourceNat?.address),
      ({ flow }, address) => {
        flow.sourceNat = { ...flow.sourceNat, address };
      },
      { template: true },
    ),
  ],
  [
    row(
      Attr.DNAT_IPV6,
      IPV6_ADDRESS,
      (flow) => translated(6, flow, flow.destinationNat?.address),
      ({ flow }, address) => {
        flow.destinationNat = { ...flow.destinationNat, address };
      },
      { template: true },
    ),
  ],
  [
    row(
      Attr.SPAT_PORT,
      NATIVE_U16,
      ({ sourceNat }) => sourceNat?.port,
      ({ flow }, port) => {
        flow.sourceNat = { ...flow.sourceNat, port };
      },
      { template: true },
    ),
  ],
  [
    row(
      Attr.DPAT_PORT,
      NATIVE_U16,
      ({ destinationNat }) => destinationNat?.port,
      ({ flow }, port) => {
        flow.destinationNat = { ...flow.destinationNat, port };
      },
      { template: true },
    ),
  ],
  [
    row(
      Attr.NAT_SEQ_ADJ,
      ADJUSTMENTS,
      ({ sequenceAdjustment }) => sequenceAdjustment,
      ({ flow }, adjustments) => {
        flow.sequenceAdjustment = adjustments;
      },
      { template: true, update: true },
    ),
  ],
  [
    row(
      Attr.HELPER_NAME,
      string(HELPER_TLV_MAX),
      ({ helper }) => helper,
      ({ flow }, helper) => {
        flow.helper = helper;
      },
    ),
  ],
  [
    row(
      Attr.LABELS,
      BITMASK,
      ({ labels }) => labels,
      ({ flow }, labels) => {
        flow.labels = labels;
      },
      { update: true },
    ),
  ],
  [
    row(
      Attr.SYNPROXY,
      SYNPROXY,
      ({ synproxy }) => synproxy,
      ({ flow }, synproxy) => {
        flow.synproxy = synproxy;
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
      ({ flow }, zone) => {
        flow.zone = zone;
      },
      { key: true, template: true, update: true },
    ),
  ],
  [
    row(
      Attr.LOCAL_PORT,
      PORTS,
      () => undefined,
      ({ original }, ports) => {
        original.ports = ports;
      },
      { key: true, local: true },
    ),
  ],
  [
    row(
      Attr.LOCAL_ID,
      U32,
      () => undefined,
      ({ flow }, id) => {
        flow.id = id;
      },
      { local: true },
    ),
  ],
]);
