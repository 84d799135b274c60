import { type CrowdReport, startInside, tcpCrowd, tcpPusher } from './inside-programs.ts';
import type { Namespace } from './namespace.ts';
import { until } from './until.ts';

/** Many TCP connections on which both ends keep talking. */
export interface Crowd {
  /** What the client knows. */
  status(): Promise<CrowdReport>;
  /** Connections that the server has seen the end of. */
  endedAtServer(): number;
  /** Forgets which connections were served. */
  mark(): void;
}

export interface CrowdOptions {
  /** Of the server. */
  readonly address: string;
  readonly port: number;
  readonly count: number;
  /** Milliseconds from one line of a connection to its next. */
  readonly intervalMs: number;
}

/** Starts a server, opens the connections, and resolves when all are open. Both live as long as their namespaces. */
export async function openCrowd(client: Namespace, server: Namespace, options: CrowdOptions): Promise<Crowd> {
  const pusher = await startInside(server, tcpPusher, options);
  let isListening = false;
  let ended = 0;
  pusher.onLine((line) => {
    const report = JSON.parse(line) as { readonly ready?: true; readonly ended?: number };
    if (report.ready) isListening = true;
    ended = report.ended ?? ended;
  });
  await until(`a server on port ${options.port}`, () => isListening);
  const program = await startInside(client, tcpCrowd, options);
  let isReady = false;
  const waiting: ((report: CrowdReport) => void)[] = [];
  program.onLine((line) => {
    const report = JSON.parse(line) as CrowdReport & { readonly ready?: true };
    if (report.ready) isReady = true;
    else waiting.shift()?.(report);
  });
  await until(`${options.count} connections`, () => isReady, 30_000);
  return {
    endedAtServer: () => ended,
    status: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        program.send(JSON.stringify({ line: 'status' }));
      }),
    mark: () => program.send(JSON.stringify({ line: 'mark' })),
  };
}
