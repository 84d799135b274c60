import type { Flow } from '../../src/flow/flow.ts';
import { Protocol } from '../../src/flow/protocol.ts';
import { Status } from '../../src/flow/status.ts';
import type { Tuple } from '../../src/flow/tuple.ts';

export function tcpTuple(source: string, destination: string, from: number, to: number): Tuple {
  return {
    family: source.includes(':') ? 6 : 4,
    source,
    destination,
    protocol: Protocol.TCP,
    ports: { source: from, destination: to },
  };
}

/** An established flow, as it comes from the wire: without a reply tuple. */
export const ESTABLISHED: Flow = {
  original: tcpTuple('1.1.1.1', '2.2.2.3', 1, 2),
  status: Status.SEEN_REPLY | Status.ASSURED | Status.CONFIRMED,
  tcp: { state: 3 },
  mark: 77,
};
