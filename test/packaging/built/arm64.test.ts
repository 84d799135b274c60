import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ENDS, ipv4, LINKS, pcap, udp } from '../../cli/captures.ts';
import { capturedDatagrams } from '../../support/fixtures.ts';
import { builtPackage } from './bare-root.ts';

const STAGE = fileURLToPath(new URL('../../../packaging/container/stage.sh', import.meta.url));
const MAIN = 'usr/lib/conntrackd-ts/dist/program/main.js';
/** elf(5), e_machine. */
const EM_AARCH64 = 183;
const UDP = 17;

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'arm64-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Paths of ELF files below a folder, with the machine that each is for. */
function machines(root: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const head = Buffer.alloc(20);
  const files = execFileSync('find', [root, '-type', 'f', '-printf', '%P\\n'], { encoding: 'utf8' });
  for (const name of files.trim().split('\n')) {
    const path = join(root, name);
    const descriptor = openSync(path, 'r');
    const length = readSync(descriptor, head, 0, head.length, 0);
    closeSync(descriptor);
    if (length === head.length && head.readUInt32BE() === 0x7f454c46) found.set(name, head.readUInt16LE(18));
  }
  return found;
}

it('the package for arm64 has nothing of another machine, and runs under QEMU', () => {
  const root = join(directory, 'root');
  execFileSync('sh', [STAGE, builtPackage('arm64'), root], { stdio: 'pipe' });
  const elf = machines(root);
  expect([...elf.keys()]).toEqual(
    expect.arrayContaining([
      'usr/lib/conntrackd-ts/bin/node',
      'usr/lib/conntrackd-ts/node_modules/@koromix/koffi-linux-arm64/linux_arm64/koffi.node',
    ]),
  );
  expect(new Set(elf.values())).toEqual(new Set([EM_AARCH64]));

  const env = { PATH: process.env.PATH, CONNTRACKD_TS_RUN_DIR: 'off' };
  const node = (...args: readonly string[]) => {
    const program = join(root, 'usr/lib/conntrackd-ts/bin/node');
    // QEMU 7.2's user mode now and then does not end a Node that has: its output counts.
    const { stdout } = spawnSync('qemu-aarch64-static', ['-L', root, program, ...args], {
      cwd: root,
      env,
      encoding: 'utf8',
      timeout: 60_000,
      killSignal: 'SIGKILL',
    });
    return stdout;
  };
  expect(node('-p', 'process.arch')).toBe('arm64\n');
  const koffi = './usr/lib/conntrackd-ts/node_modules/koffi';
  expect(node('-p', `require('${koffi}').load(null).func('int getpid(void)')() === process.pid`)).toBe(
    'true\n',
  );
  expect(node(MAIN, '--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(node(MAIN, '-h')).toContain('Usage: ');

  const { type, frame } = LINKS.Ethernet!;
  const frames = capturedDatagrams().map(({ bytes }) => ({
    seconds: 0,
    nanoseconds: 0,
    bytes: frame(ipv4(ENDS, UDP, udp(ENDS, bytes))),
  }));
  const capture = join(directory, 'c.pcap');
  writeFileSync(capture, pcap(frames, { linkType: type }));
  const here = execFileSync(process.execPath, [join(root, MAIN), 'decode', capture], {
    env,
    encoding: 'utf8',
  });
  expect(here.split('\n').length).toBeGreaterThan(100);
  expect(node(MAIN, 'decode', capture)).toBe(here);
}, 900_000);
