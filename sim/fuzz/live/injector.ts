import { createSocket } from 'node:dgram';
import { type InsideProgram, startInside } from '../../netns/inside-programs.ts';
import type { Namespace } from '../../netns/namespace.ts';
import { until } from '../../netns/until.ts';

/** A socket that acts as a node's peer. */
export interface Injector {
  /** Sends datagrams, in order. */
  send(datagrams: readonly Uint8Array[]): void;
  /** Sends `count` datagrams of the stock in turn, starting with number `from` and wrapping round at the end. */
  sendStock(from: number, count: number): void;
  /** Sets the stock of datagrams. */
  setStock(datagrams: readonly Uint8Array[]): void;
  /** The datagrams that the node has sent since the last call. */
  takeReceived(): Uint8Array[];
  /** Datagrams that the system did not accept. */
  readonly refused: number;
  close(): Promise<void>;
}

interface Ends {
  readonly address: string;
  readonly peer: string;
  readonly port: number;
}

// Datagrams go through the pipes in batches: length (u16) and bytes each, one base64 line per batch. A line that starts with
// `+` sets the stock; `*from,count` sends datagrams of the stock.
const inside: InsideProgram<Ends> = ({ dgram, report, onCommand }, { address, peer, port }) => {
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4_000_000, sendBufferSize: 4_000_000 });
  let received: Buffer[] = [];
  let refused = 0;
  const stock: Buffer[] = [];
  const onSent = (error: Error | null) => {
    if (error) report({ refused: ++refused });
  };
  const each = (base64: string, take: (bytes: Buffer) => void) => {
    const batch = Buffer.from(base64, 'base64');
    for (let at = 0; at < batch.length; ) {
      const size = batch.readUInt16BE(at);
      take(batch.subarray(at + 2, at + 2 + size));
      at += 2 + size;
    }
  };
  const length = (bytes: Buffer) => Buffer.from([bytes.length >> 8, bytes.length & 255]);
  socket.on('message', (message) => {
    if (received.length === 0) {
      setImmediate(() => {
        report({ received: Buffer.concat(received).toString('base64') });
        received = [];
      });
    }
    received.push(length(message), message);
  });
  socket.on('error', () => {});
  socket.bind(port, address, () => report({ ready: true }));
  onCommand(({ line }) => {
    if (line === undefined) return;
    if (line.startsWith('+')) each(line.slice(1), (bytes) => stock.push(bytes));
    else if (line.startsWith('*')) {
      const [from, count] = line.slice(1).split(',').map(Number) as [number, number];
      for (let n = from; n < from + count; n++) socket.send(stock[n % stock.length]!, port, peer, onSent);
    } else each(line, (bytes) => socket.send(bytes, port, peer, onSent));
  });
};

interface Report {
  readonly ready?: boolean;
  readonly received?: string;
  readonly refused?: number;
}

/** Acts as the peer in a namespace. */
export async function injectorInside(namespace: Namespace, ends: Ends): Promise<Injector> {
  const child = await startInside(namespace, inside, ends);
  let received: Uint8Array[] = [];
  let ready = false;
  let refused = 0;
  let closing = false;
  child.onLine((line) => {
    // A killed child may leave its last line incomplete.
    if (closing) return;
    const report = JSON.parse(line) as Report;
    if (report.ready) ready = true;
    if (report.refused !== undefined) refused = report.refused;
    if (report.received !== undefined) received.push(...unframed(Buffer.from(report.received, 'base64')));
  });
  await until(`a socket on ${ends.address}`, () => {
    if (!child.running()) throw new Error(child.stderr().trim());
    return ready;
  });
  return {
    get refused() {
      return refused;
    },
    send: (datagrams) => child.send(JSON.stringify({ line: framed(datagrams).toString('base64') })),
    setStock: (datagrams) => child.send(JSON.stringify({ line: `+${framed(datagrams).toString('base64')}` })),
    sendStock: (from, count) => child.send(JSON.stringify({ line: `*${from},${count}` })),
    takeReceived() {
      const taken = received;
      received = [];
      return taken;
    },
    async close() {
      closing = true;
      await child.stop('SIGKILL');
    },
  };
}

function framed(datagrams: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    datagrams.flatMap((bytes) => [Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]),
  );
}

function* unframed(batch: Buffer): Generator<Uint8Array> {
  for (let at = 0; at < batch.length; ) {
    const size = batch.readUInt16BE(at);
    yield Uint8Array.from(batch.subarray(at + 2, at + 2 + size));
    at += 2 + size;
  }
}

/** Sends from an address of this machine, without a namespace. */
export async function injectorHere({
  address,
  peer,
  port,
}: Ends): Promise<Omit<Injector, 'setStock' | 'sendStock'>> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  let received: Uint8Array[] = [];
  let refused = 0;
  socket.on('message', (message) => received.push(Uint8Array.from(message)));
  socket.on('error', () => {
    refused++;
  });
  await new Promise<void>((resolve) => {
    // A node on this very address owns the port, so this socket will receive nothing.
    socket.bind(address === peer ? 0 : port, address, resolve);
  });
  return {
    get refused() {
      return refused;
    },
    send(datagrams) {
      for (const bytes of datagrams) {
        socket.send(bytes, port, peer, (error) => {
          if (error) refused++;
        });
      }
    },
    takeReceived() {
      const taken = received;
      received = [];
      return taken;
    },
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
