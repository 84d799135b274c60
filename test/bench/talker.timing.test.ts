import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from 'vitest';
import { type TalkerOptions, type TalkerReport, talker } from '../../bench/failover/talker.ts';
import { programArguments } from '../../sim/netns/inside-programs.ts';
import { until } from '../../sim/netns/until.ts';

const COUNT = 20;
const INTERVAL_MS = 20;
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

type Message = Partial<TalkerReport> & { listening?: boolean; ready?: boolean; failed?: string };

function start(options: TalkerOptions) {
  const child = spawn(process.execPath, programArguments(talker, options));
  children.push(child);
  const messages: Message[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => messages.push(JSON.parse(line) as Message));
  const send = (line: string) => child.stdin.write(`${JSON.stringify({ line })}\n`);
  return {
    child,
    send,
    receives: (key: keyof Message) =>
      until(key, () => messages.some((message) => message[key] !== undefined)),
    async report(): Promise<TalkerReport> {
      const from = messages.length;
      send('report');
      return until('a report', () => messages.slice(from).find(({ connections }) => connections)) as never;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '::1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function startPair(transport: 'tcp' | 'udp', address: string) {
  const options = { transport, address, port: await freePort(), count: COUNT, intervalMs: INTERVAL_MS };
  const server = start({ ...options, side: 'answerer', talks: true });
  await server.receives('listening');
  const client = start({ ...options, side: 'caller', talks: true });
  await Promise.all([server.receives('ready'), client.receives('ready')]);
  return { client, server };
}

const haveReceived = ({ connections }: TalkerReport, least: number) =>
  connections.length === COUNT && connections.every(({ received }) => received >= least);

test.each([
  ['tcp', '127.0.0.1'],
  ['tcp', '::1'],
  ['udp', '127.0.0.1'],
  ['udp', '::1'],
] as const)(
  'both ends of each %s connection to %s receive numbered messages at an even rate',
  async (transport, address) => {
    const { client, server } = await startPair(transport, address);
    for (const end of [client, server]) {
      await until('messages', async () => haveReceived(await end.report(), 5));
      end.send('begin');
      const sofar = Math.max(...(await end.report()).connections.map(({ received }) => received));
      const { connections } = await until('more messages', async () => {
        const report = await end.report();
        return haveReceived(report, sofar + 5) && report;
      });
      expect(connections.map(({ id }) => id).sort((a, b) => a - b)).toEqual(
        Array.from({ length: COUNT }, (_, id) => id),
      );
      for (const { missed, ended, gapMs } of connections) {
        expect({ missed, ended }).toEqual({ missed: 0, ended: undefined });
        // Where the machine is busy it may be more. Among five gaps one is no shorter than the interval.
        expect(gapMs).toBeGreaterThan(INTERVAL_MS / 2);
      }
    }
  },
);

test('an end reports that the other one is gone, and a gap that grows', async () => {
  const tcp = await startPair('tcp', '127.0.0.1');
  tcp.server.child.kill('SIGKILL');
  await until('every connection to end', async () =>
    (await tcp.client.report()).connections.every(({ ended }) => ended !== undefined),
  );
  const udp = await startPair('udp', '127.0.0.1');
  udp.client.send('begin');
  udp.server.child.kill('SIGKILL');
  await until('every flow to be silent for long', async () =>
    (await udp.client.report()).connections.every(({ gapMs, ended }) => gapMs > 500 && ended === undefined),
  );
});

test('connections that cannot be opened are reported', async () => {
  const port = await freePort();
  const client = start({
    ...{
      transport: 'tcp',
      side: 'caller',
      address: '127.0.0.1',
      port,
      count: 1,
      intervalMs: 20,
      talks: true,
    },
  });
  await client.receives('failed');
});
