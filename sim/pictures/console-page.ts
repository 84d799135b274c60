import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Lab, type Program, syncAddress, tcpLoad, until, withLab } from '../netns/lab.ts';
import { prometheusPrograms, startPrometheus } from '../netns/prometheus.ts';

const METRICS_PORT = 9637;
/** Scrapes of the picture, one a second. */
const SCRAPES = 40;
const WIDTH = 1280;
const HEIGHT = 1275;
/** Milliseconds that the browser pretends to wait for the answers of Prometheus. */
const PATIENCE_MS = 20_000;

/** A pair that serves its metrics; `a` is the primary. */
async function startPair(lab: Lab, program: Program): Promise<readonly string[]> {
  const targets = (['a', 'b'] as const).map((side) => `${syncAddress(side, 0).v4}:${METRICS_PORT}`);
  const settings = (target: string) => () => `[metrics]\nlisten = "${target}"\n`;
  await lab.startNodes({
    a: { program, settings: settings(targets[0]!) },
    b: { program, settings: settings(targets[1]!) },
  });
  await lab.settled();
  for (const [{ namespace, node }, role] of [
    [lab.b, 'backup'],
    [lab.a, 'primary'],
  ] as const) {
    const words = [...program.args, 'role', role, '-C', node().paths.configuration];
    await namespace.must(program.command, words);
  }
  return targets;
}

/**
 * Photographs the console of a Prometheus that has asked a pair with traffic, as PNG.
 * @param packaging the folder with the rules and the console
 */
export async function photographConsole(program: Program, packaging: URL, file: string): Promise<void> {
  await withLab({}, async (lab) => {
    const { a } = lab;
    const prometheus = await startPrometheus(a.namespace, await prometheusPrograms(), {
      targets: await startPair(lab, program),
      rules: '',
      consoles: new URL('prometheus/consoles', packaging).pathname,
      directory: lab.directory,
    });
    for (let first = 0, scrape = 0; scrape < SCRAPES; scrape += 2) {
      // Flows come and go in waves.
      const flows = 20 + Math.round(60 * (1 + Math.sin(scrape / 12)));
      await a.load(tcpLoad(flows, { first, timeout: 20 }));
      first += flows;
      const asked = `count_over_time(up[5m]) > ${scrape}`;
      await until('more scrapes', async () => (await prometheus.seriesOf(asked)) === 2);
    }
    const url = `${prometheus.url}/consoles/conntrackd.html?minutes=1`;
    await photograph(lab, url, file);
  });
}

/** As root, the browser has no sandbox. */
async function photograph({ a }: Lab, url: string, file: string): Promise<void> {
  const profile = mkdtempSync(join(tmpdir(), 'console-'));
  try {
    await a.namespace.must('chromium', [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--hide-scrollbars',
      `--user-data-dir=${profile}`,
      `--virtual-time-budget=${PATIENCE_MS}`,
      `--window-size=${WIDTH},${HEIGHT}`,
      `--screenshot=${file}`,
      url,
    ]);
  } finally {
    rmSync(profile, { recursive: true, force: true });
  }
}
