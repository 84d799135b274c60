import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runRole } from '../../src/cli/role.ts';
import { type ControlServer, openControlSocket, type RequestHandler } from '../../src/control/server.ts';
import { PROCESS_RUNTIME } from '../../src/daemon/common/runtime.ts';
import type { Failover, RoleOutcome } from '../../src/daemon/failover/failover.ts';
import { withRoleRequests } from '../../src/daemon/failover/role-control.ts';

const printed: string[] = [];
vi.mock('../../src/daemon/process/console.ts', () => ({
  processConsole: (_: string, line: string) => printed.push(line),
}));

let directory: string;
let server: ControlServer | undefined;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'role-'));
  printed.length = 0;
});
afterEach(async () => {
  await server?.close();
  rmSync(directory, { recursive: true, force: true });
});

async function serve(handler: RequestHandler, errors: unknown[] = []): Promise<void> {
  server = await openControlSocket(join(directory, 'ctl'), handler, {
    onError: (error) => errors.push(error),
  });
}

/** A daemon whose change of role ends so. */
function daemonWhich(request: () => Promise<RoleOutcome>): RequestHandler {
  return withRoleRequests({ request } as unknown as Failover, PROCESS_RUNTIME, () => {});
}

/** What `role primary` prints to standard error, and its exit code. */
async function becomePrimary() {
  const configuration = join(directory, 'c.conf');
  const links = 'UDP { IPv4_address 127.0.0.1 IPv4_Destination_Address 127.0.0.2 Port 3780 Interface lo }';
  writeFileSync(
    configuration,
    `Sync { Mode FTFW { } ${links} } General { LockFile ${join(directory, 'lock')} UNIX { Path ${join(directory, 'ctl')} } }`,
  );
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await runRole(['primary', '-C', configuration], { stdout, stderr });
  stdout.end();
  stderr.end();
  const lines = printed.map((line) => line.replace(/^.*\(pid=\d+\) /, ''));
  return { code, stdout: await text(stdout), stderr: lines.join('') + (await text(stderr)) };
}

describe('`role primary`', () => {
  it('ends with 0 and prints nothing when all is done', async () => {
    await serve(daemonWhich(async () => ({ kind: 'entered' })));
    expect(await becomePrimary()).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('prints what was not done', async () => {
    await serve(
      daemonWhich(async () => ({ kind: 'incomplete', shortfall: '3 entries could not be committed' })),
    );
    const stderr = '[ERROR] primary: 3 entries could not be committed\n';
    expect(await becomePrimary()).toEqual({ code: 1, stdout: '', stderr });
  });

  it('prints that a later request came first', async () => {
    await serve(daemonWhich(async () => ({ kind: 'superseded' })));
    const stderr = "[ERROR] primary: a later request took this one's place\n";
    expect(await becomePrimary()).toEqual({ code: 1, stdout: '', stderr });
  });

  it("names the reason when the role's work throws, and passes the error to the daemon", async () => {
    const errors: unknown[] = [];
    const reason = new Error('no descriptor left');
    await serve(
      daemonWhich(() => Promise.reject(reason)),
      errors,
    );
    const stderr = '[ERROR] primary: the daemon failed: no descriptor left; see its log\n';
    expect(await becomePrimary()).toEqual({ code: 1, stdout: '', stderr });
    expect(errors).toEqual([reason]);
  });

  it('prints what it means that a daemon gives no answer', async () => {
    await serve(() => {});
    const stderr =
      '[ERROR] the daemon knows no roles (it is a C node, or keeps statistics only), or it ended before it answered\n';
    expect(await becomePrimary()).toEqual({ code: 1, stdout: '', stderr });
  });
});
