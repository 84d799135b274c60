import { fileURLToPath } from 'node:url';
import { findProgram } from '../netns/availability.ts';
import { cProgram, javascriptProgram, type Lab, withLab } from '../netns/lab.ts';
import type { Narrator, Shown } from './narrator.ts';

/** How long a connection that must be broken is given to prove the contrary, in milliseconds. */
const HOPELESS = 2_000;

/** The story with real kernels, in network namespaces: C's node on the primary where it is installed. */
export async function demoInNamespaces(narrate: Narrator): Promise<Shown> {
  const ours = javascriptProgram(fileURLToPath(new URL('../../src/cli/main.js', import.meta.url)));
  const withC = findProgram('conntrackd') !== undefined;
  const primary = withC ? cProgram : ours;
  const who = withC ? "netfilter's conntrackd (C)" : 'conntrackd-ts';

  const play = (commit: boolean): Promise<boolean> =>
    withLab({}, async (lab) => {
      narrate.title(commit ? 'A failover, with the commit' : 'The same again, without the commit');
      narrate.step(
        'six network namespaces: a client, a server, two LANs, and two firewalls joined by a sync link',
      );
      await lab.startNodes({ a: { program: primary }, b: { program: ours } });
      narrate.step(`firewall A runs ${who}; firewall B runs conntrackd-ts; FT-FW over UDP`);
      return commit ? withCommit(lab, narrate) : withoutCommit(lab, narrate);
    });

  return { survived: await play(true), survivedWithoutCommit: await play(false) };
}

async function establish(lab: Lab, narrate: Narrator) {
  const connection = await lab.connect();
  const { ok, milliseconds } = await connection.exchange();
  narrate.step(
    `the client talks to the server through A, which translates its address: ${ok ? `answered in ${milliseconds} ms` : 'no answer'}`,
  );
  await lab.replicated(connection);
  narrate.step("B's external cache knows the connection (conntrackd -e):");
  narrate.quote(await lab.b.node().command('-e'));
  return connection;
}

async function withCommit(lab: Lab, narrate: Narrator): Promise<boolean> {
  const connection = await establish(lab, narrate);
  const { move, commit } = await lab.failover({ commit: true });
  narrate.step(
    `A dies: its process is killed, its cables are pulled. B takes the gateway addresses (${Math.round(move)} ms)`,
  );
  narrate.step(
    `B commits what it knows into its kernel (${Math.round(commit ?? 0)} ms), whose table now is (conntrack -L):`,
  );
  narrate.quote((await lab.b.flows()).map(({ text }) => text).join('\n'));
  const { ok, milliseconds } = await connection.exchange();
  narrate.step(
    ok
      ? `the client goes on talking on the same connection: answered in ${milliseconds} ms`
      : 'the connection is broken',
  );
  await connection.close();
  return ok;
}

async function withoutCommit(lab: Lab, narrate: Narrator): Promise<boolean> {
  const connection = await establish(lab, narrate);
  await lab.failover({ commit: false });
  narrate.step('A dies in the same way; B takes the addresses, but nobody says `conntrackd -c`');
  const { ok } = await connection.exchange(HOPELESS);
  narrate.step(
    ok
      ? 'the connection goes on all the same'
      : `the connection is broken: no answer within ${HOPELESS} ms, B's kernel drops what it does not know`,
  );
  const fresh = await lab.connect();
  const alive = await fresh.exchange();
  narrate.step(
    `a new connection through B ${alive.ok ? 'works: only the state was missing' : 'does not work either'}`,
  );
  await Promise.all([connection.close(), fresh.close()]);
  return ok || !alive.ok;
}
