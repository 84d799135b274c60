import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { missingForLab } from '../../sim/netns/availability.ts';
import { run } from '../../sim/netns/process.ts';
import type { SchedulerConfig } from '../../src/config/config.ts';
import { DEFAULTS } from '../../src/config/defaults.ts';

const root = new URL('../../dist/src/', import.meta.url).href;

/**
 * Sets the scheduler in a process of its own, which then writes a file, opens a ring and starts a child, so as to have threads to
 * come.
 */
const CHILD = `
const { Scheduler } = await import(process.argv[1] + 'daemon/process/scheduler.js');
const { openSendRing } = await import(process.argv[1] + 'system/io-uring/send-ring.js');
const { libc } = await import(process.argv[1] + 'system/libc.js');
const { writeFile } = await import('node:fs/promises');
const { execFileSync, spawn } = await import('node:child_process');
const warnings = [];
const scheduler = new Scheduler(JSON.parse(process.argv[2]), (text) => warnings.push(text));
let atNormalPriority;
scheduler.runAtNormalPriority(() => {
  atNormalPriority = execFileSync('chrt', ['-p', String(process.pid)], { encoding: 'latin1' });
});
await Promise.all([1, 2, 3, 4].map(() => writeFile('/dev/null', 'x')));
const ring = openSendRing(libc(), 4);
const child = spawn('sleep', ['60']);
// Its thread names itself.
await new Promise((resolve) => setTimeout(resolve, 50));
console.log(JSON.stringify({ warnings, atNormalPriority, child: child.pid }));
process.stdin.on('end', () => process.exit(child.kill() ? 0 : 1)).resume();
`;

interface Outcome {
  readonly warnings: readonly string[];
  readonly main: string;
  /** The main thread's, during work that can wait. */
  readonly atNormalPriority: string;
  /** Of all other threads of the process, but for the kernel's. */
  readonly others: readonly string[];
  /** Of the kernel's thread that sends what is in a ring. */
  readonly ring: readonly string[];
  readonly child: string;
}

/** `SCHED_RR|SCHED_RESET_ON_FORK 99` */
async function policyOf(thread: number | string): Promise<string> {
  return policyIn((await run('chrt', ['-p', `${thread}`])).stdout);
}

function policyIn(output: string): string {
  return [...output.matchAll(/: (\S+)$/gm)].map(([, value]) => value).join(' ');
}

async function scheduled(config: SchedulerConfig, prefix: readonly string[] = []): Promise<Outcome> {
  const script = ['--input-type=module', '-e', CHILD, root, JSON.stringify(config)];
  const [command, ...args] = [...prefix, process.execPath, ...script];
  const child = spawn(command!, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const report = JSON.parse(line) as { warnings: string[]; atNormalPriority: string; child: number };
    const tasks = `/proc/${child.pid}/task`;
    const threads = readdirSync(tasks).filter((thread) => thread !== `${child.pid}`);
    const isRing = (thread: string) => readFileSync(`${tasks}/${thread}/comm`, 'utf8').startsWith('iou-sqp');
    const others = threads.filter((thread) => !isRing(thread));
    const ring = threads.filter(isRing);
    return {
      warnings: report.warnings,
      atNormalPriority: policyIn(report.atNormalPriority),
      main: await policyOf(child.pid!),
      others: await Promise.all(others.map(policyOf)),
      ring: await Promise.all(ring.map(policyOf)),
      child: await policyOf(report.child),
    };
  } finally {
    child.stdin.end();
    await once(child, 'exit');
  }
}

describe.skipIf(missingForLab(['chrt', 'setpriv']).length > 0)('the scheduler', () => {
  it('is, without a Scheduler clause, round robin at the highest priority, for the main thread alone', async () => {
    const { warnings, main, others, ring, child } = await scheduled(DEFAULTS.scheduler);
    expect(warnings).toEqual([]);
    expect(main).toBe('SCHED_RR|SCHED_RESET_ON_FORK 99');
    // It sends what the main thread waits for.
    expect(ring).toEqual(availableParallelism() > 1 ? ['SCHED_RR 99'] : []);
    expect(others.length).toBeGreaterThan(4);
    expect(new Set(others)).toEqual(new Set(['SCHED_OTHER 0']));
    expect(child).toBe('SCHED_OTHER 0');
  });

  it('is as the clause sets it', async () => {
    expect((await scheduled({ type: 'fifo', priority: 17 })).main).toBe('SCHED_FIFO|SCHED_RESET_ON_FORK 17');
    expect((await scheduled({ type: 'rr', priority: 1 })).main).toBe('SCHED_RR|SCHED_RESET_ON_FORK 1');
  });

  it('is the usual one for work that can wait, and then again what it was', async () => {
    const { atNormalPriority, main } = await scheduled({ type: 'rr', priority: 7 });
    expect(atNormalPriority).toBe('SCHED_OTHER|SCHED_RESET_ON_FORK 0');
    expect(main).toBe('SCHED_RR|SCHED_RESET_ON_FORK 7');
  });

  it('stays as it is, with a warning in the words of C, where the kernel refuses the priority', async () => {
    const { warnings, main } = await scheduled({ type: 'rr', priority: 0 });
    expect(main).toBe('SCHED_OTHER 0');
    expect(warnings).toEqual([
      'scheduler configuration failed: Invalid argument. Likely a bug in conntrackd, please report it. ' +
        'Continuing with system default scheduler.',
    ]);
  });

  it('stays as it is, with a warning, without CAP_SYS_NICE', async () => {
    const prefix = ['setpriv', '--bounding-set=-sys_nice', '--inh-caps=-sys_nice'];
    const { warnings, main } = await scheduled(DEFAULTS.scheduler, prefix);
    expect(main).toBe('SCHED_OTHER 0');
    expect(warnings).toEqual([
      expect.stringMatching(/^scheduler configuration failed: Operation not permitted\. Likely a bug/),
    ]);
  });
});
