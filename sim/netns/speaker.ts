import { type InsideProgram, startInside } from './inside-programs.ts';
import type { Namespace } from './namespace.ts';
import { until } from './until.ts';

/** Where messages go, or come to. */
export interface Station {
  readonly transport: 'tcp' | 'udp';
  /** An IPv6 group may have the interface behind it: `ff02::fb%eth0`. */
  readonly address: string;
  readonly port: number;
}

/** A process in a namespace that sends and answers given bytes over TCP and UDP. */
export interface Speaker {
  /** Answers the n-th message of whoever sends some with the n-th answer; further ones get none. */
  serve(at: Station, answers: readonly Uint8Array[]): Promise<void>;
  /**
   * Sends the messages from `localPort`, each when the one before it was answered, and resolves with what came. Of UDP it
   * waits for no answer to the last message where `isAnswered` is false.
   */
  talk(
    to: Station,
    options: { localPort: number; messages: readonly Uint8Array[]; isAnswered?: boolean },
  ): Promise<Buffer[]>;
  /** Closes all sockets, TCP connections with a reset, so that their ports are free at once. */
  hangUp(): Promise<void>;
}

interface Order extends Partial<Station> {
  readonly id: number;
  readonly what: 'serve' | 'talk' | 'hang up';
  /** In base64. */
  readonly texts?: readonly string[];
  readonly localPort?: number;
  readonly isAnswered?: boolean;
}

interface Report {
  readonly id: number;
  /** In base64. */
  readonly heard?: readonly string[];
  readonly error?: string;
}

// As in inside-programs.ts, it runs from its own source text: it uses its parameters and globals only.
const speaker: InsideProgram<object> = ({ net, dgram, report, onCommand }) => {
  const open = new Set<{ hangUp(): void }>();
  const bytesOf = (text: string | undefined) => Buffer.from(text ?? '', 'base64');

  const serve = ({ id, transport, address = '', port = 0, texts = [] }: Order) => {
    const failed = (error: Error) => report({ id, error: error.message });
    if (transport === 'tcp') {
      const server = net.createServer((socket) => {
        let heard = 0;
        open.add({ hangUp: () => socket.resetAndDestroy() });
        socket.setNoDelay(true).on('error', () => {});
        socket.on('data', () => {
          const text = texts[heard++];
          if (text !== undefined) socket.write(bytesOf(text));
        });
      });
      server.on('error', failed).listen(port, address, () => report({ id }));
      open.add({ hangUp: () => server.close() });
      return;
    }
    const socket = dgram.createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', reuseAddr: true });
    const heard = new Map<string, number>();
    socket.on('message', (_message, from) => {
      const peer = `${from.address} ${from.port}`;
      const count = heard.get(peer) ?? 0;
      heard.set(peer, count + 1);
      if (texts[count] !== undefined) socket.send(bytesOf(texts[count]), from.port, from.address);
    });
    socket.on('error', failed).bind(port, address, () => report({ id }));
    open.add({ hangUp: () => socket.close() });
  };

  const talk = ({
    id,
    transport,
    address = '',
    port = 0,
    texts = [],
    localPort = 0,
    isAnswered = true,
  }: Order) => {
    const heard: string[] = [];
    const failed = (error: Error) => report({ id, error: error.message });
    const hear = (message: Buffer, next: (text: string) => void) => {
      heard.push(message.toString('base64'));
      const text = texts[heard.length];
      if (text !== undefined) next(text);
      else if (isAnswered) report({ id, heard });
    };
    if (transport === 'tcp') {
      const socket = net.connect({ host: address, port, localPort });
      const send = (text: string) => void socket.write(bytesOf(text));
      socket.setNoDelay(true).on('error', failed);
      socket.on('connect', () => send(texts[0] ?? '')).on('data', (message) => hear(message, send));
      open.add({ hangUp: () => socket.resetAndDestroy() });
      return;
    }
    const [host = '', link] = address.split('%');
    const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const send = (text: string) =>
      socket.send(bytesOf(text), port, address, (error) => {
        if (error !== null) failed(error);
        else if (!isAnswered && heard.length === texts.length - 1) report({ id, heard });
      });
    socket.on('error', failed).on('message', (message) => hear(message, send));
    socket.bind(localPort, () => {
      if (link !== undefined) socket.setMulticastInterface(`::%${link}`);
      send(texts[0] ?? '');
    });
    open.add({ hangUp: () => socket.close() });
  };

  onCommand(({ line = '' }) => {
    const order: Order = JSON.parse(line);
    if (order.what === 'serve') serve(order);
    else if (order.what === 'talk') talk(order);
    else {
      for (const one of open) one.hangUp();
      open.clear();
      report({ id: order.id });
    }
  });
  report({ id: 0 });
};

/** Starts a speaker in the namespace. */
export async function startSpeaker(namespace: Namespace): Promise<Speaker> {
  const child = await startInside(namespace, speaker, {});
  const reports = new Map<number, Report>();
  child.onLine((line) => {
    const report: Report = JSON.parse(line);
    reports.set(report.id, report);
  });
  const reportOf = (what: string, id: number) =>
    until(
      what,
      () => {
        if (!child.running()) throw new Error(`it ended: ${child.stderr().slice(-500)}`);
        return reports.get(id);
      },
      undefined,
      10,
    );
  await reportOf('a speaker', 0);
  let last = 0;
  const obey = async (order: Omit<Order, 'id'>): Promise<Report> => {
    const id = ++last;
    child.send(JSON.stringify({ line: JSON.stringify({ id, ...order }) }));
    const { transport = '', address = '', port = '' } = order;
    const shown = `${order.what} ${transport} ${address} ${port}`;
    const report = await reportOf(shown, id);
    if (report.error !== undefined) throw new Error(`${shown}: ${report.error}`);
    return report;
  };
  const base64 = (all: readonly Uint8Array[]) => all.map((one) => Buffer.from(one).toString('base64'));
  return {
    serve: async (at, answers) => void (await obey({ what: 'serve', ...at, texts: base64(answers) })),
    talk: async (to, { messages, ...more }) => {
      const { heard = [] } = await obey({ what: 'talk', ...to, ...more, texts: base64(messages) });
      return heard.map((text) => Buffer.from(text, 'base64'));
    },
    hangUp: async () => void (await obey({ what: 'hang up' })),
  };
}
