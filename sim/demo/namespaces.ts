import { fileURLToPath } from 'node:url';
import { missingCProgram } from '../netns/c-program.ts';
import { cProgram, javascriptProgram, type Lab, withLab } from '../netns/lab.ts';
import type { DemoResult, StepPrinter } from './printer.ts';

/** How long the demo waits for an answer over a connection that must be broken. */
const BROKEN_TIMEOUT_MS = 2_000;

/** The demo with real kernels, in network namespaces: C's node on the primary where it is installed. */
export async function demoInNamespaces(output: StepPrinter): Promise<DemoResult> {
  const ours = javascriptProgram(fileURLToPath(new URL('../../program/main.js', import.meta.url)));
  const withC = missingCProgram() === undefined;
  const primary = withC ? cProgram : ours;
  const who = withC ? "netfilter's conntrackd (C)" : 'conntrackd-ts';

  const runFailover = (commit: boolean): Promise<boolean> =>
    withLab({}, async (lab) => {
      output.title(commit ? 'A failover, with the commit' : 'The same again, without the commit');
      output.step(
        'six network namespaces: a client, a server, two LANs, and two firewalls joined by a sync link',
      );
      await lab.startNodes({ a: { program: primary }, b: { program: ours } });
      output.step(`firewall A runs ${who}; firewall B runs conntrackd-ts; FT-FW over UDP`);
      return commit ? withCommit(lab, output) : withoutCommit(lab, output);
    });

  return { survived: await runFailover(true), survivedWithoutCommit: await runFailover(false) };
}

async function establish(lab: Lab, output: StepPrinter) {
  const connection = await lab.connect();
  const { ok, milliseconds } = await connection.exchange();
  output.step(
    `the client talks to the server through A, which translates its address: ${ok ? `answered in ${milliseconds} ms` : 'no answer'}`,
  );
  await lab.replicated(connection);
  output.step("B's external cache knows the connection (conntrackd -e):");
  output.quote(await lab.b.node().command('-e'));
  return connection;
}

async function withCommit(lab: Lab, output: StepPrinter): Promise<boolean> {
  const connection = await establish(lab, output);
  const { move, commit } = await lab.failover({ commit: true });
  output.step(
    `A dies: its process is killed, its cables are pulled. B takes the gateway addresses (${Math.round(move)} ms)`,
  );
  output.step(
    `B commits what it knows into its kernel (${Math.round(commit ?? 0)} ms), whose table now is (conntrack -L):`,
  );
  output.quote((await lab.b.flows()).map(({ text }) => text).join('\n'));
  const { ok, milliseconds } = await connection.exchange();
  output.step(
    ok
      ? `the client keeps talking on the same connection: answered in ${milliseconds} ms`
      : 'the connection is broken',
  );
  await connection.close();
  return ok;
}

async function withoutCommit(lab: Lab, output: StepPrinter): Promise<boolean> {
  const connection = await establish(lab, output);
  await lab.failover({ commit: false });
  output.step('A dies in the same way; B takes the addresses, but nobody runs `conntrackd -c`');
  const { ok } = await connection.exchange(BROKEN_TIMEOUT_MS);
  output.step(
    ok
      ? 'the connection still works'
      : `the connection is broken: no answer within ${BROKEN_TIMEOUT_MS} ms, B's kernel drops packets of flows that it does not know`,
  );
  const fresh = await lab.connect();
  const alive = await fresh.exchange();
  output.step(
    `a new connection through B ${alive.ok ? 'works: only the state was missing' : 'does not work either'}`,
  );
  await Promise.all([connection.close(), fresh.close()]);
  return ok || !alive.ok;
}
