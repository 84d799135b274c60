/**
 * The codecs, the engine, the tables and the client of conntrackd-ts. Importing this starts nothing and loads nothing
 * native.
 */

export {
  type CaptureOptions,
  decodeCapture,
  type SeenMessage,
} from './cli/capture/decode-capture.ts';
export {
  type CapturedMessage,
  type DecodedMessage,
  type MalformedMessage,
  messagesIn,
} from './cli/capture/messages.ts';
export { CaptureError, TruncatedCaptureError } from './cli/capture/pcap.ts';
export type { Config } from './config/config.ts';
export { ConfigError } from './config/error.ts';
export { type ParsedConfig, parseConfig } from './config/parse.ts';
export { askDaemon, askDaemonForText, SilentError, UnreachableError } from './control/client.ts';
export { JSON_FORM, jsonForm, Request } from './control/codes.ts';
export { formatAddress } from './flow/address.ts';
export { Change, Origin } from './flow/change.ts';
export type { Expectation } from './flow/expectation.ts';
export type { Flow } from './flow/flow.ts';
export { Item } from './flow/item.ts';
export { flowJson } from './flow/json.ts';
export { parseAddress } from './flow/parse-address.ts';
export { Protocol, TCP_STATES } from './flow/protocol.ts';
export { replyOf, withReply } from './flow/reply.ts';
export { Status } from './flow/status.ts';
export { expectationText, flowText } from './flow/text.ts';
export type { Tuple } from './flow/tuple.ts';
export { flowXml } from './flow/xml.ts';
export { type EngineEvent, MessageResult, type SyncEngine, TransmitResult } from './sync/engine.ts';
export { FtFw } from './sync/ftfw/ftfw.ts';
export type { FtFwOptions } from './sync/ftfw/ftfw-options.ts';
export { type RecordSink, Replica } from './sync/replica.ts';
export { type Caches, expectationsIn, externalCaches, flowsIn, internalCaches } from './table/caches.ts';
export { ExternalCache } from './table/external-cache.ts';
export { InternalCache } from './table/internal-cache.ts';
export { ExpectationKeyer, FlowKeyer } from './table/key.ts';
export { Attr } from './wire/attribute.ts';
export { Collector } from './wire/collector.ts';
export { Framing, frameAt } from './wire/datagram.ts';
export { decodeExpectation, decodeFlow } from './wire/decode.ts';
export { encodeExpectation, encodeFlow } from './wire/encode.ts';
export { ExpAttr } from './wire/expectation-attributes.ts';
export {
  Flag,
  flagsOf,
  HEADER_SIZE,
  lengthOf,
  MessageType,
  sequenceOf,
  typeOf,
  versionOf,
  writeHeader,
} from './wire/header.ts';
export { canonicalise, checkRecord, EXPECTATION_FORMAT, FLOW_FORMAT, Form } from './wire/record.ts';
