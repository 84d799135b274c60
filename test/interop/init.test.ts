import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { NodePlace } from '../../sim/netns/configuration.ts';
import { cProgram, type Lab, missingForLab, openLab, type Program, until } from '../../sim/netns/lab.ts';
import { ourProgram } from './programs.ts';

let lab: Lab;

beforeEach(async () => {
  expect(missingForLab(['conntrackd', 'keepalived'])).toEqual([]);
  lab = await openLab({ withoutVirtualAddresses: true, syncLinks: 2 });
});

afterEach(async () => {
  await lab?.close();
});

const LINKS = [
  ...['--interface', 'sync0', '--peer', '10.99.0.2'],
  ...['--second-interface', 'sync1', '--second-peer', 'fd00:99:1::2'],
];
const VIRTUAL = ['--virtual', '192.168.10.1/24', '--virtual', '203.0.113.1/24', '--guard'];

/** Runs init on firewall A. The paths of the files are those of a machine of its own; here both nodes share one. */
async function writePair(mode: string) {
  const directory = join(lab.directory, `files-${mode}`);
  const args = [...ourProgram.args, 'init', ...LINKS, ...VIRTUAL, '--mode', mode, '--write', directory];
  await lab.a.namespace.must(ourProgram.command, args);
  const read = (path: string) => readFileSync(join(directory, path), 'utf8');
  const node = (folder: string, program: Program) => ({
    program,
    configuration: ({ paths }: NodePlace) =>
      read(`${folder}conntrackd.conf`)
        .replace('/var/log/conntrackd-ts.log', paths.logFile)
        .replace('/var/lock/conntrackd.lock', paths.lockFile)
        .replace('/var/run/conntrackd.ctl', paths.controlSocket),
    settings: ({ directory: own }: { readonly directory: string }) =>
      read(`${folder}conntrackd-ts.toml`).replace('/run/conntrackd-ts.fifo', join(own, 'fifo')),
  });
  return { directory, read, node };
}

it.each(['ftfw', 'notrack'])(
  'makes a pair whose files C and ours accept, and that replicates: %s',
  async (mode) => {
    const { node } = await writePair(mode);
    await lab.startNodes({ a: node('', ourProgram), b: node('peer/', cProgram) });
    await lab.a.load([
      '-I -p tcp -s 192.168.10.10 -d 203.0.113.10 --sport 1025 --dport 80 --state ESTABLISHED -u SEEN_REPLY,ASSURED -t 1000',
    ]);
    await lab.b.load([
      '-I -p tcp -s 192.168.10.11 -d 203.0.113.10 --sport 1026 --dport 80 --state ESTABLISHED -u SEEN_REPLY,ASSURED -t 1000',
    ]);
    await Promise.all([lab.a, lab.b].map((each) => each.node().untilSize('external', 1)));
    expect(lab.a.node().log()).not.toMatch(/\[(warning|ERROR)\]/);
    // C warns of nothing but what it warns of with its own examples.
    expect(lab.b.node().log()).not.toMatch(/\[ERROR\]/);
  },
);

it('makes a pair in which doctor finds no problem, and that keepalived’s lines give a role', async () => {
  const { directory, read, node } = await writePair('ftfw');
  await lab.startNodes({ a: node('', ourProgram), b: node('peer/', ourProgram) });
  await lab.settled();
  await lab.moveAddresses('a');
  await lab.replicated(await lab.connect());
  writeFileSync(join(lab.a.node().paths.directory, 'fifo'), 'INSTANCE "VI_1" MASTER 150\n');
  await until('the role', async () => (await lab.a.node().command('-s')).includes('role: primary'));
  for (const firewall of [lab.a, lab.b]) {
    const { paths } = firewall.node();
    const args = [...ourProgram.args, 'doctor', '--for', '1s', '-C', paths.configuration];
    const { stdout, stderr, code } = await firewall.namespace.run(ourProgram.command, args);
    expect([code, stderr, stdout.split('\n').filter((line) => line.startsWith('problem'))]).toEqual([
      0,
      '',
      [],
    ]);
  }
  for (const path of ['keepalived-snippet.conf', 'peer/keepalived-snippet.conf']) {
    expect(read(path)).toContain('vrrp_instance VI_1');
    const { code, stderr } = await lab.a.namespace.run('keepalived', [
      '--config-test',
      '-f',
      join(directory, path),
    ]);
    expect([path, code, stderr]).toEqual([path, 0, '']);
  }
});
