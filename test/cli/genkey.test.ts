import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { runGenkey } from '../../src/cli/genkey.ts';
import { parseKeyFile } from '../../src/link/sealed/key.ts';

async function genkey(...args: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await runGenkey(args, { stdout, stderr });
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

test('prints a key as a key file has it, another one each time', async () => {
  const [one, other] = [await genkey(), await genkey()];
  expect([one.code, one.stderr]).toEqual([0, '']);
  expect(parseKeyFile(one.stdout + other.stdout)).toHaveLength(2);
});

test('says how it is used, and takes nothing that it does not know', async () => {
  const help = await genkey('--help');
  expect(help.code).toBe(0);
  expect(help.stdout).toContain('umask 077; conntrackd-ts genkey > /etc/conntrackd/link.key');
  const wrong = await genkey('/etc/conntrackd/link.key');
  expect(wrong).toMatchObject({ code: 1, stdout: '' });
  expect(wrong.stderr).toContain("genkey takes no arguments, found `/etc/conntrackd/link.key'");
});
