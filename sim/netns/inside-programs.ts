// The programs that make traffic inside the namespaces. Each is one function whose source text runs with `node -e`, so it
// works the same from TypeScript sources and compiled, without finding a file at run time. Hence the rule of this module: a
// function here uses only its parameters and globals, but for those at the end, which start them.

import type { Namespace } from './namespace.ts';
import type { RunningProcess } from './process.ts';

/** The parameters of the programs, which cannot import. */
export interface ProgramHost {
  readonly net: typeof import('node:net');
  readonly dgram: typeof import('node:dgram');
  /** Reports to the laboratory, one JSON line each. */
  readonly report: (message: object) => void;
  /** Calls the listener with each command of the laboratory. */
  readonly onCommand: (listener: (command: Command) => void) => void;
}

export interface Command {
  readonly line?: string;
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export type InsideProgram<Options> = (host: ProgramHost, options: Options) => void;

/** Accepts TCP connections on all addresses of both families and echoes what it receives. */
export function tcpEchoServer({ net, report }: ProgramHost, { ports }: { ports: readonly number[] }): void {
  let waiting = ports.length;
  for (const port of ports) {
    const server = net.createServer((socket) => {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.pipe(socket);
    });
    server.listen(port, '::', () => {
      if (--waiting === 0) report({ ready: true });
    });
  }
}

/** Keeps one TCP connection and sends the lines it receives as commands; reports each line that comes back. */
export function tcpClient(
  { net, report, onCommand }: ProgramHost,
  { address, port, localPort }: Endpoint & { localPort?: number },
): void {
  const socket = net.connect({ host: address, port, ...(localPort === undefined ? {} : { localPort }) });
  socket.setNoDelay(true);
  let pending = '';
  socket.on('connect', () => report({ ready: true, localPort: socket.localPort }));
  socket.on('data', (chunk) => {
    pending += chunk.toString('latin1');
    const lines = pending.split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) report({ line: line.replace(/\r$/, '') });
  });
  socket.on('error', (error) => report({ closed: error.message }));
  socket.on('close', () => report({ closed: 'closed' }));
  onCommand(({ line }) => {
    if (line !== undefined) socket.write(`${line}\r\n`, 'latin1');
  });
}

/**
 * Accepts TCP connections on all addresses, and sends a line on each every `intervalMs`, whatever comes. Reports how many have
 * ended.
 */
export function tcpPusher(
  { net, report }: ProgramHost,
  { port, intervalMs }: { port: number; intervalMs: number },
): void {
  const open = new Set<import('node:net').Socket>();
  let ended = 0;
  const server = net.createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => {
      open.delete(socket);
      report({ ended: ++ended });
    });
    socket.resume();
    open.add(socket);
  });
  setInterval(() => {
    for (const socket of open) socket.write('line\n');
  }, intervalMs);
  server.listen(port, '::', () => report({ ready: true }));
}

/** What many connections came to; the counts are of connections. */
export interface CrowdReport {
  readonly open: number;
  /** Those on which something came since the last `mark`. */
  readonly served: number;
  /** Why connections ended, and how many for each reason. */
  readonly ended: Readonly<Record<string, number>>;
}

/**
 * Keeps `count` TCP connections, and sends a line on each every `intervalMs`. Reports when all are open. The command `mark`
 * forgets who was served, any other asks for a {@link CrowdReport}.
 */
export function tcpCrowd(
  { net, report, onCommand }: ProgramHost,
  { address, port, count, intervalMs }: Endpoint & { count: number; intervalMs: number },
): void {
  const open = new Set<import('node:net').Socket>();
  const served = new Set<import('node:net').Socket>();
  const ended: Record<string, number> = {};
  for (let n = 0; n < count; n++) {
    const socket = net.connect({ host: address, port });
    socket.setNoDelay(true);
    socket.on('connect', () => {
      open.add(socket);
      if (open.size === count) report({ ready: true });
    });
    socket.on('data', () => served.add(socket));
    let why = 'closed';
    socket.on('error', (error) => {
      why = error.message;
    });
    socket.on('close', () => {
      open.delete(socket);
      served.delete(socket);
      ended[why] = (ended[why] ?? 0) + 1;
    });
  }
  setInterval(() => {
    for (const socket of open) socket.write('line\n');
  }, intervalMs);
  onCommand(({ line }) => {
    if (line === 'mark') served.clear();
    else report({ open: open.size, served: served.size, ended });
  });
}

/**
 * A UDP server that sends on its own once a client has contacted it. It sends the line of its command every 100 ms to the
 * last address and port of the client, until a command tells it to stop.
 */
export function udpPusher({ dgram, report, onCommand }: ProgramHost, { address, port }: Endpoint): void {
  const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
  let peer: Endpoint | undefined;
  let timer: NodeJS.Timeout | undefined;
  socket.on('error', (error) => report({ closed: error.message }));
  socket.on('message', (_message, from) => {
    peer = { address: from.address, port: from.port };
    // Answers the client, so that the kernel sees the flow in both directions.
    socket.send('welcome', from.port, from.address);
    report({ peer });
  });
  socket.bind(port, address, () => report({ ready: true }));
  onCommand(({ line }) => {
    clearInterval(timer);
    if (line === undefined) return;
    const push = () => {
      // An ICMP error for one datagram must not end the next attempts.
      if (peer !== undefined) socket.send(line, peer.port, peer.address, () => {});
    };
    push();
    timer = setInterval(push, 100);
  });
}

/** A UDP client that sends to its server once, then only listens; sends again when it receives a line as a command. */
export function udpListener(
  { dgram, report, onCommand }: ProgramHost,
  { address, port, localPort }: Endpoint & { localPort?: number },
): void {
  const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.on('error', (error) => report({ closed: error.message }));
  socket.on('message', (message) => report({ line: message.toString('latin1') }));
  const greet = (text: string) => socket.send(text, port, address, () => {});
  socket.bind(localPort ?? 0, () => {
    report({ ready: true, localPort: socket.address().port });
    greet('hello');
  });
  onCommand(({ line }) => {
    if (line !== undefined) greet(line);
  });
}

/** The text for `node -e` that runs a program with its options. */
function programText<Options>(program: InsideProgram<Options>, options: Options): string {
  // Bundlers that preserve names wrap inner functions in a call of `__name`.
  return `'use strict';
const __name = (f) => f;
const report = (message) => process.stdout.write(JSON.stringify(message) + '\\n');
const onCommand = (listener) => require('node:readline').createInterface({ input: process.stdin })
  .on('line', (line) => listener(JSON.parse(line))).on('close', () => process.exit(0));
process.stdin.on('end', () => process.exit(0)).resume();
(${program.toString()})({ net: require('node:net'), dgram: require('node:dgram'), report, onCommand },
  ${JSON.stringify(options)});
`;
}

/** The arguments of Node that run a program with its options. */
export function programArguments<Options>(program: InsideProgram<Options>, options: Options): string[] {
  return ['--input-type=commonjs', '-e', programText(program, options)];
}

/** Starts a program in a namespace. */
export function startInside<Options>(
  namespace: Namespace,
  program: InsideProgram<Options>,
  options: Options,
): Promise<RunningProcess> {
  return namespace.start(process.execPath, programArguments(program, options));
}
