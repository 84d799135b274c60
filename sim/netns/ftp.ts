import { type InsideProgram, startInside } from './inside-programs.ts';
import type { Namespace } from './namespace.ts';
import { until } from './until.ts';

// As in inside-programs.ts, the two FTP functions run from their own source text: they use parameters and globals only.

interface ServerOptions {
  readonly port: number;
  /** The files for RETR, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** Milliseconds that the server tries to open a data connection before it answers 425. */
  readonly patience: number;
}

interface ClientOptions {
  readonly address: string;
  readonly port: number;
}

/** An FTP server (RFC 959) that supports USER, PASS, PORT and RETR, and no passive mode. */
const ftpServer: InsideProgram<ServerOptions> = ({ net, report }, { port, files, patience }) => {
  const server = net.createServer((control) => {
    let target: { host: string; port: number } | undefined;
    let pending = '';
    const answer = (line: string) => void control.write(`${line}\r\n`);
    const retrieve = (name: string) => {
      const text = files[name];
      if (text === undefined) return answer('550 No such file');
      if (target === undefined) return answer('503 PORT comes first');
      answer('150 Opening data connection');
      const data = net.connect({ ...target, localAddress: String(control.localAddress), localPort: 20 });
      const timer = setTimeout(() => data.destroy(new Error('no answer')), patience);
      let sent = false;
      data.on('connect', () => {
        clearTimeout(timer);
        sent = true;
        data.end(text);
      });
      data.on('error', (error) => {
        clearTimeout(timer);
        answer(sent ? '426 Transfer aborted' : `425 Can't open data connection: ${error.message}`);
      });
      data.on('close', (failed) => {
        if (!failed) answer('226 Transfer complete');
      });
    };
    control.setNoDelay(true);
    control.on('error', () => {});
    control.on('data', (chunk) => {
      pending += chunk.toString('latin1');
      const lines = pending.split('\r\n');
      pending = lines.pop() ?? '';
      for (const line of lines) {
        const [word, argument = ''] = line.split(' ');
        if (word === 'USER') answer('331 Password please');
        else if (word === 'PASS') answer('230 Welcome');
        else if (word === 'PORT') {
          const fields = argument.split(',').map(Number);
          target = { host: fields.slice(0, 4).join('.'), port: fields[4]! * 256 + fields[5]! };
          answer(`200 ${target.host}:${target.port}`);
        } else if (word === 'RETR') retrieve(argument);
        else answer('502 Not implemented');
      }
    });
    answer('220 Ready');
  });
  server.listen(port, '0.0.0.0', () => report({ ready: true }));
};

/** An FTP client that sends the lines it receives as commands, and reports each answer and each file that arrives. */
const ftpClient: InsideProgram<ClientOptions> = ({ net, report, onCommand }, { address, port }) => {
  const listener = net.createServer((data) => {
    let text = '';
    data.on('error', () => {});
    data.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    data.on('end', () => report({ file: text }));
  });
  listener.listen(0, '0.0.0.0', () => {
    const dataPort = (listener.address() as { port: number }).port;
    const control = net.connect({ host: address, port });
    let pending = '';
    control.setNoDelay(true);
    control.on('connect', () => report({ ready: true, dataPort, localPort: control.localPort }));
    control.on('error', (error) => report({ closed: error.message }));
    control.on('data', (chunk) => {
      pending += chunk.toString('latin1');
      const lines = pending.split('\r\n');
      pending = lines.pop() ?? '';
      for (const answer of lines) report({ answer });
    });
    onCommand(({ line }) => {
      if (line !== undefined) control.write(`${line}\r\n`);
    });
  });
};

interface Report {
  readonly ready?: boolean;
  readonly dataPort?: number;
  readonly localPort?: number;
  readonly answer?: string;
  readonly file?: string;
}

async function startReporting<Options>(
  namespace: Namespace,
  program: InsideProgram<Options>,
  options: Options,
) {
  const child = await startInside(namespace, program, options);
  const reports: Report[] = [];
  child.onLine((line) => reports.push(JSON.parse(line)));
  const ready = await until('a program that speaks FTP', () => {
    if (!child.running()) throw new Error(`it ended: ${child.stderr().slice(-500)}`);
    return reports.find((report) => report.ready);
  });
  return { child, reports, ready };
}

/** Starts an FTP server on all IPv4 addresses of a namespace. */
export async function startFtpServer(namespace: Namespace, options: ServerOptions): Promise<void> {
  await startReporting(namespace, ftpServer, options);
}

/** The control connection of a logged-in client. */
export interface FtpSession {
  /** Port of the control connection at the client. */
  readonly localPort: number;
  readonly remotePort: number;
  /** The address where the client accepts data connections, in the form that PORT announces. */
  readonly dataPort: number;
  /** Announces the data port (PORT); returns the server's answer, `200 ` with the address that reached it. */
  announce(): Promise<string>;
  /** Requests a file (RETR), without waiting. */
  request(name: string): void;
  /** Waits for the next answer that begins with one of these codes. Skips other answers. */
  answer(codes: readonly string[], timeout?: number): Promise<string>;
  /** The files that arrived completely. */
  files(): string[];
}

/** Opens a control connection and logs in. `own` is the client's IPv4 address, which it announces. */
export async function openFtpSession(
  namespace: Namespace,
  server: ClientOptions,
  own: string,
): Promise<FtpSession> {
  const { child, reports, ready } = await startReporting(namespace, ftpClient, server);
  const { localPort, dataPort } = ready as Required<Report>;
  let read = 0;
  const send = (line: string) => child.send(JSON.stringify({ line }));
  const session: FtpSession = {
    localPort,
    remotePort: server.port,
    dataPort,
    announce() {
      send(`PORT ${own.replaceAll('.', ',')},${dataPort >> 8},${dataPort & 255}`);
      return session.answer(['200']);
    },
    request: (name) => send(`RETR ${name}`),
    answer: (codes, timeout) =>
      until(
        `an answer ${codes.join(' or ')}`,
        () => {
          while (read < reports.length) {
            const { answer } = reports[read++]!;
            if (answer !== undefined && codes.includes(answer.slice(0, 3))) return answer;
          }
          return undefined;
        },
        timeout,
        20,
      ),
    files: () => reports.flatMap(({ file }) => (file === undefined ? [] : [file])),
  };
  await session.answer(['220']);
  send('USER anonymous');
  await session.answer(['331']);
  send('PASS nobody');
  await session.answer(['230']);
  return session;
}
