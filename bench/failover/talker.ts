import type { ProgramHost } from '../../sim/netns/inside-programs.ts';

export interface TalkerOptions {
  readonly transport: 'tcp' | 'udp';
  /** Who opens the connections: the caller, to the answerer's address and port. */
  readonly side: 'caller' | 'answerer';
  readonly address: string;
  readonly port: number;
  readonly count: number;
  /** Whether this end sends once all connections are open. */
  readonly talks: boolean;
  /** Milliseconds from one message of a connection to the next; the connections take turns. */
  readonly intervalMs: number;
}

/** What one end knows of a connection. Times are in milliseconds of the machine's monotonic clock. */
export interface EndReport {
  readonly id: number;
  readonly received: number;
  /** Messages that later ones have overtaken. */
  readonly missed: number;
  /** When the last message came. */
  readonly receivedAt: number;
  /** Longest time without a message since `begin`, the time since the last one included. */
  readonly gapMs: number;
  /** Why the connection ended; undefined while it is open. */
  readonly ended?: string;
}

export interface TalkerReport {
  readonly connections: readonly EndReport[];
  /** The 99th percentile of how late this end was with its own messages since `begin`, which its times may be wrong by, too. */
  readonly lateP99Ms: number;
}

export type TalkerCommand = 'begin' | 'report';

/**
 * One end of many connections, over which numbered messages go at an even rate. The answerer learns a connection's id from
 * its first message, and answers it with a welcome. Runs inside a namespace, so it uses only its parameters and globals.
 * `begin` starts the observation, `report` asks for a {@link TalkerReport}.
 */
export function talker({ net, dgram, report, onCommand }: ProgramHost, options: TalkerOptions): void {
  interface Connection {
    readonly id: number;
    readonly send: (text: string) => void;
    sent: number;
    received: number;
    missed: number;
    receivedAt: number;
    gapMs: number;
    ended: string | undefined;
  }
  const { transport, side, address, port, count, talks, intervalMs } = options;
  const tickMs = 2;
  const helloAgainMs = 200;
  const now = () => Number(process.hrtime.bigint()) / 1e6;
  const connections = new Map<number, Connection>();
  /** Numbers of messages by how late they were, in tenths of a millisecond, the last one for all beyond. */
  const late = new Uint32Array(10_000);
  const lateShareMs = (share: number) => {
    let beyond = late.reduce((sum, messages) => sum + messages, 0) * (1 - share);
    let tenths = late.length - 1;
    while (tenths > 0 && beyond >= late[tenths]!) beyond -= late[tenths--]!;
    return tenths / 10;
  };

  const startTalking = () => {
    const stepMs = intervalMs / count;
    const begin = now() + Math.random() * intervalMs;
    let turns = 0;
    setInterval(() => {
      for (let at = now(), due = begin + turns * stepMs; due <= at; due += stepMs) {
        const tenths = Math.min(late.length - 1, Math.floor((at - due) * 10));
        late[tenths] = late[tenths]! + 1;
        const connection = connections.get(turns++ % count)!;
        if (connection.ended === undefined) connection.send(`${connection.id} ${++connection.sent}\n`);
      }
    }, tickMs);
  };
  const open = (id: number, send: (text: string) => void): Connection => {
    const receivedAt = now();
    const connection = { id, send, sent: 0, received: 0, missed: 0, receivedAt, gapMs: 0, ended: undefined };
    connections.set(id, connection);
    if (connections.size === count) {
      report({ ready: true });
      if (talks) startTalking();
    }
    return connection;
  };
  const receive = (connection: Connection, line: string) => {
    const at = now();
    connection.gapMs = Math.max(connection.gapMs, at - connection.receivedAt);
    connection.receivedAt = at;
    const number = Number(line.split(' ')[1]);
    connection.missed += number - connection.received - connection.missed - 1;
    connection.received++;
  };
  const end = (connection: Connection | undefined, cause: string) => {
    if (connection === undefined) report({ failed: cause });
    else connection.ended ??= cause;
  };

  const watch = (socket: import('node:net').Socket, onFirstLine: (line: string) => Connection) => {
    let connection: Connection | undefined;
    let rest = '';
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (connection === undefined) connection = onFirstLine(line);
        else receive(connection, line);
      }
    });
    socket.on('error', (error: NodeJS.ErrnoException) => end(connection, error.code ?? error.message));
    socket.on('end', () => end(connection, 'closed by the other end'));
    socket.on('close', () => end(connection, 'closed'));
  };
  const idIn = (hello: string) => Number(hello.split(' ')[1]);
  const roles = {
    tcp: {
      caller: () => {
        for (let id = 0; id < count; id++) {
          const socket = net.connect({ host: address, port });
          const send = (text: string) => socket.write(text);
          socket.on('connect', () => send(`hello ${id}\n`));
          watch(socket, () => open(id, send));
        }
      },
      answerer: () => {
        const server = net.createServer((socket) => {
          const send = (text: string) => socket.write(text);
          watch(socket, (hello) => {
            send('welcome\n');
            return open(idIn(hello), send);
          });
        });
        server.listen({ port, host: '::', backlog: count }, () => report({ listening: true }));
      },
    },
    udp: {
      caller: () => {
        for (let id = 0; id < count; id++) {
          const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
          // An ICMP error for one datagram must not end the flow.
          const send = (text: string) => socket.send(text, port, address, () => {});
          const sendHello = () => send(`hello ${id}\n`);
          const again = setInterval(sendHello, helloAgainMs);
          let connection: Connection | undefined;
          socket.on('message', (message) => {
            const line = message.toString('latin1');
            clearInterval(again);
            connection ??= open(id, send);
            if (!line.startsWith('welcome')) receive(connection, line);
          });
          socket.bind(0, sendHello);
        }
      },
      answerer: () => {
        const socket = dgram.createSocket({ type: 'udp6', ipv6Only: false });
        const peers = new Map<string, Connection>();
        socket.on('message', (message, from) => {
          const line = message.toString('latin1');
          const key = `${from.address} ${from.port}`;
          const send = (text: string) => socket.send(text, from.port, from.address, () => {});
          const connection = peers.get(key);
          if (line.startsWith('hello')) {
            send('welcome\n');
            if (connection === undefined) peers.set(key, open(idIn(line), send));
          } else if (connection !== undefined) receive(connection, line);
        });
        socket.bind(port, '::', () => report({ listening: true }));
      },
    },
  };

  const commands: Record<TalkerCommand, () => void> = {
    begin: () => {
      late.fill(0);
      for (const connection of connections.values()) connection.gapMs = 0;
    },
    report: () => {
      const at = now();
      const found: TalkerReport = {
        connections: [...connections.values()].map(({ id, received, missed, receivedAt, gapMs, ended }) => ({
          ...{ id, received, missed, receivedAt },
          gapMs: Math.max(gapMs, at - receivedAt),
          ...(ended === undefined ? {} : { ended }),
        })),
        lateP99Ms: lateShareMs(0.99),
      };
      report(found);
    },
  };
  onCommand(({ line }) => commands[line as TalkerCommand]());
  roles[transport][side]();
}
