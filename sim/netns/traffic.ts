import {
  type Endpoint,
  type InsideProgram,
  startInside,
  tcpClient,
  tcpEchoServer,
  udpListener,
  udpPusher,
} from './inside-programs.ts';
import type { Namespace } from './namespace.ts';
import { PATIENCE } from './patience.ts';
import type { RunningProcess } from './process.ts';

/** The result of one exchange over a connection or flow. */
export interface Exchange {
  readonly ok: boolean;
  /** 1 for the first exchange of the connection. */
  readonly number: number;
  /** Time from sending until the answer, or until giving up. */
  readonly milliseconds: number;
  /** Why it failed. */
  readonly reason?: string;
}

/** Milliseconds that an exchange may take by default. */
export const EXCHANGE_TIMEOUT = 3_000 * PATIENCE;
const START_TIMEOUT = 10_000 * PATIENCE;

/** A TCP connection from the client to the echo server. It stays open until closed or broken. */
export interface TcpConnection {
  readonly localPort: number;
  readonly remotePort: number;
  /** Sends a numbered line and waits for it to come back. Never rejects: the result reports a failure. */
  exchange(timeout?: number): Promise<Exchange>;
  /** Sends any line and waits for the next one that comes back, such as an FTP command and its mangled echo. */
  say(line: string, timeout?: number): Promise<string>;
  /** Why the connection ended, if it did. */
  broken(): string | undefined;
  close(): Promise<void>;
}

/**
 * A UDP flow that the client opens; from then on only the server sends. Its datagrams go to the translated address, so no
 * packet of the client can recreate the state: without the flow in the table nothing arrives.
 */
export interface UdpFlow {
  readonly localPort: number;
  readonly remotePort: number;
  /** The address and port that the server sees, and sends to. */
  readonly translated: Endpoint;
  /** Makes the server send a numbered datagram every 100 ms until the client receives it. Never rejects. */
  exchange(timeout?: number): Promise<Exchange>;
  /** Sends a datagram from the client: a kernel without the flow creates it again. */
  speak(): void;
  close(): Promise<void>;
}

/** A report of a program inside a namespace. */
interface Report {
  readonly ready?: boolean;
  readonly localPort?: number;
  readonly line?: string;
  readonly closed?: string;
  readonly peer?: Endpoint;
}

interface Conversation {
  readonly process: RunningProcess;
  /** Resolves with the first report that passes; rejects when the time is up or the program reports that it is closed. */
  waitFor(wanted: (report: Report) => boolean, timeout: number): Promise<Report>;
  command(command: { line?: string }): void;
  closed(): string | undefined;
}

async function converse<Options>(
  namespace: Namespace,
  program: InsideProgram<Options>,
  options: Options,
): Promise<Conversation> {
  const process_ = await startInside(namespace, program, options);
  const waiting = new Set<{ take(report: Report): void; fail(reason: string): void }>();
  let closed: string | undefined;
  const end = (reason: string) => {
    closed ??= reason;
    for (const waiter of [...waiting]) waiter.fail(closed);
  };
  process_.onLine((line) => {
    const report = JSON.parse(line) as Report;
    for (const waiter of [...waiting]) waiter.take(report);
    if (report.closed !== undefined) end(report.closed);
  });
  void process_.ended.then(() => end(`the program ended: ${process_.stderr().trim().slice(-500)}`));
  return {
    process: process_,
    closed: () => closed,
    command: (command) => process_.send(JSON.stringify(command)),
    waitFor(wanted, timeout) {
      return new Promise((resolve, reject) => {
        if (closed !== undefined) {
          reject(new Error(closed));
          return;
        }
        const waiter = {
          take(report: Report) {
            if (wanted(report)) finish(() => resolve(report));
          },
          fail: (reason: string) => finish(() => reject(new Error(reason))),
        };
        const timer = setTimeout(() => waiter.fail(`no answer within ${timeout} ms`), timeout);
        const finish = (settle: () => void) => {
          clearTimeout(timer);
          waiting.delete(waiter);
          settle();
        };
        waiting.add(waiter);
      });
    },
  };
}

async function ready(
  namespace: Namespace,
  what: string,
  conversation: Conversation,
  timeout = START_TIMEOUT,
): Promise<Report> {
  try {
    return await conversation.waitFor((report) => report.ready === true, timeout);
  } catch (error) {
    await conversation.process.stop('SIGKILL');
    throw new Error(`${what} in ${namespace.name}: ${(error as Error).message}`);
  }
}

async function timed(number: number, attempt: () => Promise<unknown>): Promise<Exchange> {
  const begin = performance.now();
  const since = () => Math.round((performance.now() - begin) * 10) / 10;
  try {
    await attempt();
    return { ok: true, number, milliseconds: since() };
  } catch (error) {
    return { ok: false, number, milliseconds: since(), reason: (error as Error).message };
  }
}

/** Starts the TCP echo server on these ports. */
export async function startEchoServer(namespace: Namespace, ports: readonly number[]): Promise<void> {
  const conversation = await converse(namespace, tcpEchoServer, { ports });
  await ready(namespace, `an echo server on ports ${ports.join(', ')}`, conversation);
}

export interface FlowEnds {
  readonly client: Namespace;
  readonly server: Namespace;
  readonly address: string;
  readonly port: number;
  readonly localPort?: number;
  /** Milliseconds until the first answer must arrive. */
  readonly timeout?: number;
}

/** Opens a connection. Rejects if this fails. */
export async function openTcpConnection(ends: FlowEnds): Promise<TcpConnection> {
  const { client, address, port, localPort, timeout } = ends;
  const options = { address, port, ...(localPort === undefined ? {} : { localPort }) };
  const conversation = await converse(client, tcpClient, options);
  const opened = await ready(client, `a TCP connection to [${address}]:${port}`, conversation, timeout);
  let number = 0;
  return {
    localPort: opened.localPort!,
    remotePort: port,
    exchange(limit = EXCHANGE_TIMEOUT) {
      const line = `exchange ${++number}`;
      return timed(number, async () => {
        const answered = conversation.waitFor((report) => report.line === line, limit);
        conversation.command({ line });
        await answered;
      });
    },
    async say(line, limit = EXCHANGE_TIMEOUT) {
      const answered = conversation.waitFor((report) => report.line !== undefined, limit);
      conversation.command({ line });
      return (await answered).line!;
    },
    broken: conversation.closed,
    close: async () => void (await conversation.process.stop('SIGKILL')),
  };
}

/** Opens a UDP flow. Rejects if the server receives nothing from the client, or the client nothing from the server. */
export async function openUdpFlow(ends: FlowEnds): Promise<UdpFlow> {
  const { address, port, localPort, timeout = START_TIMEOUT } = ends;
  const pusher = await converse(ends.server, udpPusher, { address, port });
  await ready(ends.server, `a UDP server on port ${port}`, pusher);
  const connected = pusher.waitFor((report) => report.peer !== undefined, timeout);
  connected.catch(() => {});
  const listener = await converse(ends.client, udpListener, {
    address,
    port,
    ...(localPort === undefined ? {} : { localPort }),
  });
  const close = async () => {
    await Promise.all([pusher.process.stop('SIGKILL'), listener.process.stop('SIGKILL')]);
  };
  const welcomed = listener.waitFor((report) => report.line === 'welcome', timeout);
  welcomed.catch(() => {});
  try {
    const opened = await ready(ends.client, 'a UDP client', listener);
    const { peer } = await connected;
    await welcomed;
    let number = 0;
    return {
      localPort: opened.localPort!,
      remotePort: port,
      translated: peer!,
      async exchange(limit = EXCHANGE_TIMEOUT) {
        const line = `push ${++number}`;
        const result = await timed(number, async () => {
          const answered = listener.waitFor((report) => report.line === line, limit);
          pusher.command({ line });
          await answered;
        });
        pusher.command({});
        return result;
      },
      speak: () => listener.command({ line: 'hello again' }),
      close,
    };
  } catch (error) {
    await close();
    throw new Error(`a UDP flow to [${address}]:${port}: ${(error as Error).message}`);
  }
}
