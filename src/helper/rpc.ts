import { readU32 } from '../bytes/integers.ts';
import { Status } from '../flow/status.ts';
import { ACCEPT, expectation, isPort, ORIGINAL, translatedFlow } from './expected-flow.ts';
import type { ExpectedFlow, HelperProtocol, InspectedFlow, InspectedPacket, Inspection } from './protocol.ts';
import { type GetPortCall, getPortCall, getPortReply, type PortReply, records } from './rpc-messages.ts';

/** Calls of a flow that are waiting for a reply. */
const PENDING_MAX = 16;

/** Calls without a reply, by transaction id (u32). */
type RpcState = Map<number, GetPortCall>;

/** A reply and what it answers. */
interface AnsweredCall extends PortReply {
  readonly call: GetPortCall;
}

function inspect(packet: InspectedPacket, flow: InspectedFlow, pending: RpcState): Inspection {
  const { payload, direction, tcp } = packet;
  if (tcp !== undefined && !packet.isEstablished) return ACCEPT;
  const expected: ExpectedFlow[] = [];
  for (const { start, end } of tcp === undefined ? [{ start: 0, end: payload.length }] : records(payload)) {
    if (direction === 'original') noteCall(payload, start, end, pending);
    else {
      const reply = takeReply(payload, start, end, pending);
      if (reply !== undefined) expected.push(expectedFlow(flow, reply));
    }
  }
  return expected.length === 0 ? ACCEPT : { verdict: 'accept', expected };
}

function noteCall(payload: Uint8Array, start: number, end: number, pending: RpcState): void {
  const call = getPortCall(payload, start, end);
  if (call === undefined) return;
  pending.delete(call.xid);
  pending.set(call.xid, call);
  if (pending.size > PENDING_MAX) pending.delete(pending.keys().next().value!);
}

function takeReply(
  payload: Uint8Array,
  start: number,
  end: number,
  pending: RpcState,
): AnsweredCall | undefined {
  if (end - start < 4) return undefined;
  const xid = readU32(payload, start);
  const call = pending.get(xid);
  if (call === undefined) return undefined;
  const reply = getPortReply(payload, start, end);
  if (reply === undefined) return undefined;
  pending.delete(xid);
  // RFC 1833 3.2: 0 stands for a program that is not registered.
  return isPort(reply.port) ? { ...reply, call } : undefined;
}

function expectedFlow(flow: InspectedFlow, { call, port, portOffset }: AnsweredCall): ExpectedFlow {
  const { source, destination } = flow.original;
  const ends = { source, destination, protocol: call.protocol, destinationPort: port };
  const traits = { isPermanent: true };
  if ((flow.status & (Status.SRC_NAT | Status.DST_NAT)) === 0) {
    return { expectation: expectation(flow, ends, traits) };
  }
  const rewrite = (reserved: number) => ({
    offset: portOffset,
    length: 4,
    replacement: Uint8Array.of(0, 0, reserved >> 8, reserved & 255),
  });
  return translatedFlow(flow, ends, ORIGINAL, rewrite, traits);
}

function helper(transport: 'tcp' | 'udp'): HelperProtocol<RpcState> {
  return {
    name: 'rpc',
    transport,
    privateBytes: 16,
    newState: () => new Map(),
    inspect,
  };
}

/** Programs of Sun RPC, whose port the client asks the port mapper for: GETPORT of RFC 1833 3. */
export const rpcTcp = helper('tcp');
export const rpcUdp = helper('udp');
