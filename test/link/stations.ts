/** Stations in processes of their own: for TCP links, which open sockets at any time, in the namespace of their thread. */

import { fileURLToPath } from 'node:url';
import type { Namespace } from '../../sim/netns/namespace.ts';
import type { LinkConfig } from '../../src/config/config.ts';
import type { LinkStatistics, LinksOptions } from '../../src/link/links.ts';
import type { LinkFact } from '../../src/link/redundant.ts';

const PROGRAM = fileURLToPath(new URL('./station.mjs', import.meta.url));

export interface Figures {
  /** First and last number of each unbroken run of messages, in the order in which they came. */
  readonly runs: readonly (readonly [number, number])[];
  readonly messages: number;
  /** Stretches that held something else than whole messages. */
  readonly broken: number;
  /** Size of the longest message, in bytes. */
  readonly longest: number;
  /** All flags seen. */
  readonly flags: number;
  readonly senders: readonly number[];
  readonly facts: readonly LinkFact[];
  /** Messages by link. */
  readonly byLink: Readonly<Record<number, number>>;
  readonly congested: boolean;
  readonly eased: number;
  readonly current: number;
  readonly links: readonly LinkStatistics[];
  /** Bytes in buffers that are in use. */
  readonly held: number;
}

export interface RemoteStation {
  readonly payloadLimit: number;
  readonly warnings: readonly string[];
  /** Sends messages with the numbers from `first` on, each a datagram of `size` bytes. */
  send(first: number, count: number, size?: number): Promise<{ congested: boolean }>;
  figures(): Promise<Figures>;
  heard(link: number): Promise<void>;
  /** The process does nothing for so many milliseconds. */
  freeze(milliseconds: number): Promise<void>;
  /** Closes the links; returns the milliseconds that took. */
  close(): Promise<{ milliseconds: number }>;
  /** Ends the process without a good-bye. */
  kill(): Promise<void>;
}

/** @throws Error with the station's own message if its links cannot be opened */
export async function startStation(
  namespace: Namespace,
  configs: readonly LinkConfig[],
  options: LinksOptions = {},
): Promise<RemoteStation> {
  const child = await namespace.start(process.execPath, [
    '--expose-gc',
    PROGRAM,
    JSON.stringify({ configs, options }),
  ]);
  const waiting = new Map<number, (answer: never) => void>();
  let next = 0;
  const ready = await new Promise<{ payloadLimit: number; warnings: string[] }>((resolve, reject) => {
    child.onLine((line) => {
      const message = JSON.parse(line);
      if (message.failed !== undefined) reject(new Error(message.failed));
      else if (message.ready) resolve(message);
      else {
        waiting.get(message.id)?.(message.answer as never);
        waiting.delete(message.id);
      }
    });
    void child.ended.then(() => reject(new Error(`the station ended: ${child.stderr()}`)));
  });
  const ask = <T>(op: string, rest: object = {}): Promise<T> =>
    new Promise((resolve, reject) => {
      const id = ++next;
      waiting.set(id, resolve as (answer: never) => void);
      child.send(JSON.stringify({ id, op, ...rest }));
      void child.ended.then(() => reject(new Error(`the station ended: ${child.stderr()}`)));
    });
  return {
    payloadLimit: ready.payloadLimit,
    warnings: ready.warnings,
    send: (first, count, size = 8) => ask('send', { first, count, size }),
    figures: () => ask('figures'),
    heard: (link) => ask('heard', { link }),
    freeze: (milliseconds) => ask('freeze', { milliseconds }),
    close: () => ask('close'),
    kill: async () => {
      await child.stop('SIGKILL');
    },
  };
}
