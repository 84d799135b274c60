import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import { openScope, type Scope } from '../../sim/netns/scope.ts';
import { mistakesIn } from '../support/schemas.ts';
import { ourProgram } from './programs.ts';

let scope: Scope;
let host: Namespace;

beforeEach(async () => {
  scope = openScope('unp');
  host = await createNamespace(scope, 'a');
});

afterEach(() => scope.close());

test('a node of nobody, in a user and network namespace of its own, linked to itself over TCP, works and logs what it lacks', async () => {
  const path = join(scope.directory, 'node.conf');
  await chmod(scope.directory, 0o777);
  await writeFile(
    path,
    `Sync {
  Mode FTFW { }
  TCP {
    IPv4_address 127.0.0.1
    IPv4_Destination_Address 127.0.0.1
    Port 3780
    Interface lo
    SndSocketBuffer 1000000000
    RcvSocketBuffer 1000000000
  }
}
General {
  LockFile ${join(scope.directory, 'lock')}
  UNIX { Path ${join(scope.directory, 'ctl')} }
  NetlinkBufferSize 1000000000
  NetlinkBufferSizeMaxGrowth 1000000000
}
`,
  );
  // The Node that runs the tests may lie where `nobody` may not go.
  const node = join(scope.directory, 'node');
  await copyFile(process.execPath, node);
  const ours = [node, ...ourProgram.args, '-C', path].join(' ');
  const { code, stdout, stderr } = await host.run('setpriv', [
    ...['--reuid', '65534', '--regid', '65534', '--clear-groups', 'unshare', '-Urn', 'bash', '-ec'],
    `ip link set lo up
    ${ours} -d
    until ${ours} -s link | tee /dev/stderr | grep -q '[1-9][0-9]* Bytes recv'; do :; done
    ${ours} -c --json
    ${ours} -k`,
  ]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ kind: 'done', failed: 0, complete: true });
  expect(mistakesIn('commit', JSON.parse(stdout))).toEqual([]);
  const warnings = [...stderr.matchAll(/\[(?:warning|ERROR)\] (.*)/g)].map(([, text]) => text);
  expect(warnings).toHaveLength(4);
  expect(warnings).toEqual(
    expect.arrayContaining([
      expect.stringMatching(
        /^scheduler configuration failed: Operation not permitted.*system default scheduler\.$/,
      ),
      expect.stringMatching(/^SndSocketBuffer of interface `lo' is \d+ bytes, not 1000000000: /),
      expect.stringMatching(/^RcvSocketBuffer of interface `lo' is \d+ bytes, not 1000000000: /),
      expect.stringMatching(/^NetlinkBufferSize is \d+ bytes, not 1000000000: /),
    ]),
  );
});
