import type { Socket } from 'node:net';
import { requestIn } from './client.ts';
import { isKnownRequest } from './codes.ts';
import { Listener } from './listener.ts';

/** What a request is answered with: text, in as many pieces as it takes. */
export interface Answer {
  /**
   * Sends a piece. False means that the client is slower than we are: await {@link drained} before the next one. After
   * the client has gone, pieces are dropped, and the answer is false.
   */
  write(text: string): boolean;
  /** Resolves when the client can take more: true; or when it has gone: false. */
  drained(): Promise<boolean>;
  /** Ends the answer; what is written afterwards is dropped. It also ends when the handler is done. */
  end(): void;
  /** True once the client has gone. */
  readonly gone: boolean;
}

/** Answers one request. The connection stays open until it returns, or until its promise settles. */
export type RequestHandler = (request: number, answer: Answer) => void | Promise<void>;

export interface ControlOptions {
  /** Clients answered at a time; 64 unless given. */
  readonly clients?: number;
  /**
   * Clients that wait for their turn; 128 unless given. Who comes beyond that is refused. Nobody waits for a client that sends no
   * request: it makes room.
   */
  readonly waiting?: number;
  /** Milliseconds a client has to send its request; 5,000 unless given. */
  readonly requestTimeoutMs?: number;
  /** Milliseconds a client may take nothing of its answer before it is given up; 600,000 unless given. */
  readonly stallTimeoutMs?: number;
  /** How often the socket's file is looked for, in milliseconds; 2,000 unless given. */
  readonly checkIntervalMs?: number;
  /** The socket's file was removed: it was made again, or why it cannot be. */
  readonly report?: (text: string) => void;
  /** What a handler threw. The client's answer just ends. */
  readonly onError?: (error: unknown, request: number) => void;
}

/** What has happened on the control socket since it was opened. */
export interface ControlCounters {
  /** Clients that went away, or let their time run out, before their request was complete. */
  readonly readFailed: number;
  readonly unknownRequest: number;
  /** Clients turned away because too many were there already. */
  readonly refused: number;
  /** Clients given up because they took nothing of their answer. */
  readonly stalled: number;
}

export interface ControlServer {
  readonly path: string;
  readonly counters: ControlCounters;
  /** Number of clients that are being answered, and that wait. */
  readonly clients: number;
  /** Drops who waits to be accepted, and listens again after a moment: for a process without descriptors. */
  suspend(): void;
  /** Stops listening, drops all clients, removes the socket. */
  close(): Promise<void>;
}

const REQUEST_BYTES = 4;

/** Milliseconds in which nobody takes a client's place. The program's own clients send their request with the connection. */
const GRACE_MS = 100;

type Counters = { -readonly [Name in keyof ControlCounters]: ControlCounters[Name] };

/**
 * Opens the control socket at `path`, for its owner alone (mode 0600), as the C node does. What a daemon that is gone
 * has left there is removed. Where the file is removed while the daemon runs, it is made again.
 * @throws ControlSocketError if another daemon answers there, if something else than a socket is there, or if the
 * system refuses.
 */
export async function openControlSocket(
  path: string,
  handler: RequestHandler,
  options: ControlOptions = {},
): Promise<ControlServer> {
  const { clients: limit = 64, waiting: waitingLimit = 128 } = options;
  const counters: Counters = { readFailed: 0, unknownRequest: 0, refused: 0, stalled: 0 };
  const serving = new Set<Socket>();
  const waiting = new Set<Socket>();
  /** The clients that have not sent their request, in the order in which they were admitted, and since when. */
  const silent = new Map<Socket, number>();

  const admit = (socket: Socket) => {
    serving.add(socket);
    silent.set(socket, performance.now());
    socket.once('close', () => {
      serving.delete(socket);
      silent.delete(socket);
      const next = waiting.values().next().value;
      if (next === undefined || serving.size >= limit) return;
      waiting.delete(next);
      admit(next);
    });
    const onRequest = (request: number) => {
      silent.delete(socket);
      void answerRequest(socket, request, handler, options, counters);
    };
    readRequest(socket, onRequest, options, counters);
  };

  /** Ends the client that has had its place for longest without a request. Returns whether there was one. */
  const dropSilent = (): boolean => {
    const [first] = silent;
    if (first === undefined || performance.now() - first[1] < GRACE_MS) return false;
    const [socket] = first;
    silent.delete(socket);
    serving.delete(socket);
    socket.destroy();
    return true;
  };

  const onClient = (socket: Socket) => {
    // An error ends this client only; 'close' follows.
    socket.on('error', () => {});
    if (serving.size < limit || dropSilent()) {
      admit(socket);
    } else if (waiting.size < waitingLimit) {
      waiting.add(socket);
      socket.once('close', () => waiting.delete(socket));
    } else {
      counters.refused++;
      socket.destroy();
    }
  };
  const { checkIntervalMs = 2_000, report = () => {} } = options;
  const listener = await Listener.open(path, { onClient, checkIntervalMs, report });

  return {
    path,
    counters,
    get clients() {
      return serving.size + waiting.size;
    },
    suspend: () => listener.suspend(),
    close: () => {
      const done = listener.close();
      for (const socket of waiting) socket.destroy();
      waiting.clear();
      for (const socket of serving) socket.destroy();
      return done;
    },
  };
}

/** Reads one request. */
function readRequest(
  socket: Socket,
  onRequest: (request: number) => void,
  options: ControlOptions,
  counters: Counters,
): void {
  const { requestTimeoutMs = 5_000 } = options;
  const request = Buffer.alloc(REQUEST_BYTES);
  let size = 0;
  const stopReading = () => {
    clearTimeout(timer);
    socket.off('data', onData).off('end', giveUp).off('close', giveUp);
  };
  const giveUp = () => {
    stopReading();
    counters.readFailed++;
    socket.destroy();
  };
  const timer = setTimeout(giveUp, requestTimeoutMs);
  const onData = (chunk: Buffer) => {
    size += chunk.copy(request, size, 0, REQUEST_BYTES - size);
    if (size < REQUEST_BYTES) return;
    stopReading();
    // What else the client sends is read and dropped: closing with unread bytes would cost it the end of its answer.
    socket.resume();
    onRequest(requestIn(request));
  };
  socket.on('data', onData).on('end', giveUp).on('close', giveUp);
  socket.resume();
}

async function answerRequest(
  socket: Socket,
  request: number,
  handler: RequestHandler,
  options: ControlOptions,
  counters: Counters,
): Promise<void> {
  const { stallTimeoutMs = 600_000 } = options;
  if (!isKnownRequest(request)) {
    counters.unknownRequest++;
    socket.end();
    return;
  }
  socket.setTimeout(stallTimeoutMs, () => {
    if (socket.writableLength === 0) return;
    counters.stalled++;
    socket.destroy();
  });
  try {
    await handler(request, answerOn(socket));
  } catch (error) {
    options.onError?.(error, request);
  }
  if (!socket.writableEnded) socket.end();
}

function answerOn(socket: Socket): Answer {
  return {
    get gone() {
      return !socket.writable;
    },
    write(text) {
      return socket.writable && socket.write(text);
    },
    drained() {
      if (!socket.writable) return Promise.resolve(false);
      if (!socket.writableNeedDrain) return Promise.resolve(true);
      return new Promise((resolve) => {
        const settle = () => {
          socket.off('drain', settle).off('close', settle);
          resolve(socket.writable);
        };
        socket.on('drain', settle).on('close', settle);
      });
    },
    end() {
      if (!socket.writableEnded) socket.end();
    },
  };
}
