/** Answers HTTP requests for the metrics: `/metrics`, `/healthz`, `/readyz`. */

import { chmodSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { removeStaleSocket } from '../../control/listener.ts';
import { CONTENT_TYPE } from '../../metrics/exposition.ts';
import type { ListenAddress } from '../../settings/listen-address.ts';

/** Connections at a time; who comes beyond that is refused. */
const CONNECTIONS_MAX = 16;
/** For a request's headers, and between two requests of a connection. A scrape takes milliseconds. */
const TIMEOUT_MS = 5_000;
const HEADERS_MAX_BYTES = 8_192;
/** Owner and group. */
const SOCKET_MODE = 0o660;

export interface MetricsSource {
  /** The metrics in Prometheus's text format. */
  metrics(): string;
  /** Why the node does not do its work yet; undefined: it does. */
  unready(): string | undefined;
  /** What `metrics` threw. */
  failed(error: unknown): void;
}

export interface MetricsServer {
  close(): Promise<void>;
}

/** The metrics cannot be served there. */
export class MetricsError extends Error {
  override readonly name = 'MetricsError';
}

/** `127.0.0.1:9637` */
export function listenText(listen: ListenAddress): string {
  if (listen.kind === 'unix') return listen.path;
  return listen.host.includes(':') ? `[${listen.host}]:${listen.port}` : `${listen.host}:${listen.port}`;
}

/** @throws MetricsError that names the address */
export async function openMetricsServer(
  listen: ListenAddress,
  source: MetricsSource,
): Promise<MetricsServer> {
  const server = createServer(
    {
      headersTimeout: TIMEOUT_MS,
      requestTimeout: TIMEOUT_MS,
      keepAliveTimeout: TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_MS,
      maxHeaderSize: HEADERS_MAX_BYTES,
    },
    answerTo(source),
  );
  server.maxConnections = CONNECTIONS_MAX;
  try {
    await listenOn(server, listen);
  } catch (error) {
    throw new MetricsError(`metrics on \`${listenText(listen)}': ${(error as Error).message}`, {
      cause: error,
    });
  }
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answerTo(source: MetricsSource): RequestListener {
  return ({ method, url = '' }, response) => {
    const answer = (status: number, text: string, type = 'text/plain; charset=utf-8') => {
      response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) });
      response.end(method === 'HEAD' ? undefined : text);
    };
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      answer(405, 'expected GET or HEAD\n');
      return;
    }
    switch (url.split('?')[0]) {
      case '/metrics':
        try {
          answer(200, source.metrics(), CONTENT_TYPE);
        } catch (error) {
          source.failed(error);
          answer(500, 'the metrics could not be read: see the log\n');
        }
        return;
      case '/healthz':
        answer(200, 'ok\n');
        return;
      case '/readyz': {
        const unready = source.unready();
        answer(unready === undefined ? 200 : 503, `${unready ?? 'ok'}\n`);
        return;
      }
      default:
        answer(404, 'expected /metrics, /healthz or /readyz\n');
    }
  };
}

async function listenOn(server: Server, listen: ListenAddress): Promise<void> {
  if (listen.kind === 'unix') await removeStaleSocket(listen.path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(
      listen.kind === 'unix' ? { path: listen.path } : { host: listen.host, port: listen.port },
      resolve,
    );
  });
  if (listen.kind === 'unix') chmodSync(listen.path, SOCKET_MODE);
}
