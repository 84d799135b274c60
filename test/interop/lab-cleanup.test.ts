import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Lab, missingForLab, openLab, removeAbandoned, until, withLab } from '../../sim/netns/lab.ts';
import { processesIn } from '../../sim/netns/scope.ts';

beforeAll(() => {
  expect(missingForLab()).toEqual([]);
});

interface Traces {
  readonly id: string;
  readonly directory: string;
  readonly pids: readonly number[];
}

/** Fills a laboratory with what could be left behind: nodes of both ways of starting, traffic, a capture. */
async function furnish(lab: Lab): Promise<Traces> {
  await lab.a.start({ daemonize: true });
  await lab.b.start();
  await lab.capture();
  await lab.connect();
  await lab.openUdp();
  return traces(lab.id, lab.directory);
}

function namespacesOf(id: string): string[] {
  return existsSync('/run/netns') ? readdirSync('/run/netns').filter((name) => name.startsWith(id)) : [];
}

function traces(id: string, directory: string): Traces {
  const pids = namespacesOf(id).flatMap(processesIn);
  // Two nodes (a C node in the foreground is one process), tcpdump, the echo server, three ends of traffic.
  expect(pids.length).toBeGreaterThanOrEqual(7);
  expect(namespacesOf(id)).toHaveLength(6);
  expect(existsSync(directory)).toBe(true);
  return { id, directory, pids };
}

/** What still is there of a laboratory, in words. */
function leftOvers({ id, directory, pids }: Traces): string[] {
  return [
    ...namespacesOf(id),
    ...readdirSync(tmpdir()).filter((name) => name.startsWith(id)),
    ...(existsSync(directory) ? [directory] : []),
    ...pids.filter(runs).map((pid) => `process ${pid}`),
  ];
}

function runs(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

describe('nothing is left of a laboratory', () => {
  test('after its work', async () => {
    const left = await withLab({}, furnish);
    expect(leftOvers(left)).toEqual([]);
  });

  test('after an error in its work', async () => {
    let left: Traces | undefined;
    const work = withLab({}, async (lab) => {
      left = await furnish(lab);
      throw new Error('on purpose');
    });
    await expect(work).rejects.toThrow('on purpose');
    expect(leftOvers(left!)).toEqual([]);
  });

  test('after a node that cannot start, with the reason in its log', async () => {
    let left: Traces | undefined;
    const work = withLab({}, async (lab) => {
      left = await furnish(lab);
      await lab.a.node().kill();
      await lab.a.start({ configuration: () => 'Sync { Mode NONSENSE { } }\n' });
    });
    await expect(work).rejects.toThrow(/conntrackd .*ended before.*its log:.*'NONSENSE': syntax error/s);
    expect(leftOvers(left!)).toEqual([]);
  });

  test('after it could not be built', async () => {
    // A directory of its own: other laboratories come and go in the usual one.
    const own = mkdtempSync(join(tmpdir(), 'lab-unbuilt-'));
    vi.stubEnv('TMPDIR', own);
    try {
      await expect(openLab({ rules: 'nonsense' })).rejects.toThrow(/nft .*syntax error/s);
      expect(readdirSync(own)).toEqual([]);
    } finally {
      vi.unstubAllEnvs();
      rmSync(own, { recursive: true });
    }
  });

  test('when it is closed twice', async () => {
    const lab = await openLab();
    const left = await furnish(lab);
    await Promise.all([lab.close(), lab.close()]);
    await lab.close();
    expect(leftOvers(left)).toEqual([]);
  });
});

describe('nothing is left of a laboratory whose process ends', () => {
  // The laboratory compiled, as the demo and the bench use it.
  const compiled = mkdtempSync(join(tmpdir(), 'lab-compiled-'));
  const root = resolve(import.meta.dirname, '../..');

  beforeAll(() => {
    const project = join(compiled, 'tsconfig.json');
    const settings = {
      extends: join(root, 'tsconfig.build.json'),
      compilerOptions: { rootDir: root, outDir: compiled, typeRoots: [join(root, 'node_modules/@types')] },
      include: [join(root, 'sim/netns/lab.ts')],
    };
    writeFileSync(project, JSON.stringify(settings));
    writeFileSync(join(compiled, 'package.json'), '{ "type": "module" }');
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const result = spawnSync(process.execPath, [compiler, '-p', project], { encoding: 'utf8' });
    expect(result.stdout).toBe('');
    expect(result.status).toBe(0);
    writeFileSync(
      join(compiled, 'host.js'),
      `import { openLab } from './sim/netns/lab.js';
       const lab = await openLab();
       await lab.a.start({ daemonize: true });
       await lab.b.start();
       await lab.capture();
       await lab.connect();
       await lab.openUdp();
       process.stdout.write(JSON.stringify({ id: lab.id, directory: lab.directory }) + '\\n');
       process.stdin.on('data', (end) => {
         if (String(end) === 'exit') process.exit(7);
         throw new Error('nobody catches this');
       });
      `,
    );
  });

  afterAll(() => {
    rmSync(compiled, { recursive: true, force: true });
  });

  /** A process with a furnished laboratory, and what it would leave. */
  async function startHost() {
    const host = spawn(process.execPath, [join(compiled, 'host.js')], { stdio: ['pipe', 'pipe', 'pipe'] });
    let stderr = '';
    host.stderr.on('data', (text) => {
      stderr += text;
    });
    const exit = once(host, 'exit');
    const first = once(createInterface({ input: host.stdout }), 'line');
    const [line] = await Promise.race([first, exit.then(() => Promise.reject(new Error(stderr)))]);
    const { id, directory } = JSON.parse(line as string) as { id: string; directory: string };
    return { host, exit, left: traces(id, directory) };
  }

  test.each([
    { how: 'by process.exit', input: 'exit', code: 7, signal: null },
    { how: 'by an error nobody catches', input: 'throw', code: 1, signal: null },
    { how: 'by SIGTERM', kill: 'SIGTERM', code: null, signal: 'SIGTERM' },
    { how: 'by SIGINT', kill: 'SIGINT', code: null, signal: 'SIGINT' },
  ] as const)('$how', async ({ code, signal, ...way }) => {
    const { host, exit, left } = await startHost();
    if ('input' in way) host.stdin.write(way.input);
    else host.kill(way.kill);
    expect(await exit).toEqual([code, signal]);
    // Nobody waits for the killed processes any more, so their end may be a moment away.
    await until('the end of its processes', () => !left.pids.some(runs), 2_000);
    expect(leftOvers(left)).toEqual([]);
  });

  test('by SIGKILL, once the abandoned are removed; those of running processes stay', async () => {
    await withLab({}, async (open) => {
      const { host, exit, left } = await startHost();
      expect(removeAbandoned()).not.toContain(left.id);
      host.kill('SIGKILL');
      await exit;
      expect(leftOvers(left)).not.toEqual([]);
      expect(removeAbandoned()).toContain(left.id);
      await until('the end of its processes', () => !left.pids.some(runs), 2_000);
      expect(leftOvers(left)).toEqual([]);
      expect(namespacesOf(open.id)).toHaveLength(6);
    });
  });
});
