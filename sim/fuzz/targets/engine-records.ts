import { Protocol } from '../../../src/flow/protocol.ts';
import { encodeExpectation, encodeFlow } from '../../../src/wire/encode.ts';

/** Flows and expectations that the steps report to a node, by number from 0 to below this. */
export const FLOWS = 24;

function makeFlow(n: number, variant: number): Uint8Array {
  const icmp = n % 5 === 4;
  return encodeFlow({
    original: {
      family: n % 3 === 2 ? 6 : 4,
      source: n % 3 === 2 ? `fd00::${n}` : `10.0.0.${n}`,
      destination: n % 3 === 2 ? 'fd00::ffff' : '192.0.2.1',
      protocol: icmp ? Protocol.ICMP : Protocol.TCP,
      ...(icmp ? { icmp: { type: 8, code: 0, id: n } } : { ports: { source: n, destination: 80 } }),
    },
    status: variant,
    ...(variant & 1 ? { mark: variant } : {}),
    ...(variant & 2 ? { labels: [variant, 1, 2, 3] } : {}),
    ...(variant & 4 ? { zone: n & 1 } : {}),
    ...(variant & 8 ? { helper: 'ftp' } : {}),
  });
}

function makeExpectation(n: number, variant: number): Uint8Array {
  const tuple = (port: number) => ({
    family: 4 as const,
    source: `10.1.0.${n}`,
    destination: '192.0.2.1',
    protocol: Protocol.TCP,
    ports: { source: 0, destination: port },
  });
  return encodeExpectation({ master: tuple(21), expected: tuple(n), mask: tuple(0xffff), timeout: variant });
}

/** Made once: a record costs as much as everything else that an event does. */
function cached(make: typeof makeFlow): typeof makeFlow {
  const made: Uint8Array[] = [];
  return (n, variant) => {
    made[256 * n + variant] ??= make(n, variant);
    return made[256 * n + variant]!;
  };
}

export const flowRecord = cached(makeFlow);
export const expectationRecord = cached(makeExpectation);
