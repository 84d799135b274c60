/** A Prometheus of Debian's in a namespace of the laboratory. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE, unpackPackages } from './debian-packages.ts';
import type { Namespace } from './namespace.ts';
import { run } from './process.ts';
import { until } from './until.ts';

/** Where it listens in its namespace. */
const PORT = 9090;

export interface PrometheusPrograms {
  readonly prometheus: string;
  readonly promtool: string;
}

/** Downloads Prometheus, unless the cache has it. */
export async function prometheusPrograms(): Promise<PrometheusPrograms> {
  const directory = join(CACHE, 'prometheus');
  await unpackPackages(directory, ['prometheus']);
  const bin = join(directory, 'usr/bin');
  return { prometheus: join(bin, 'prometheus'), promtool: join(bin, 'promtool') };
}

/** What is wrong with metrics in the text format, by `promtool check metrics`; empty if nothing is. */
export async function checkMetrics({ promtool }: PrometheusPrograms, text: string): Promise<string> {
  const { code, stdout, stderr } = await run(promtool, ['check', 'metrics'], { input: text });
  return code === 0 ? '' : `${stdout}${stderr}`;
}

/** What fails of a test of alert rules, by `promtool test rules`; empty if nothing does. @param file of the test */
export async function checkRules({ promtool }: PrometheusPrograms, file: string): Promise<string> {
  const { code, stdout, stderr } = await run(promtool, ['test', 'rules', file]);
  return code === 0 ? '' : `${stdout}${stderr}`;
}

export interface PrometheusOptions {
  /** `HOST:PORT` of those that it asks every second. */
  readonly targets: readonly string[];
  /** The text of the file with the alert rules, which it evaluates every second. */
  readonly rules: string;
  /** A folder with pages that it serves below `/consoles/`. */
  readonly consoles: string;
  readonly directory: string;
}

export interface Prometheus {
  /** Where it listens, in its namespace alone. */
  readonly url: string;
  /** The number of series that an expression gives now. */
  seriesOf(expression: string): Promise<number>;
  /** Names of the alerts that fire. */
  firing(): Promise<string[]>;
}

interface Answer<T> {
  readonly status: string;
  readonly error?: string;
  readonly data: T;
}

/** Starts Prometheus, and waits until it has asked all targets. */
export async function startPrometheus(
  namespace: Namespace,
  { prometheus }: PrometheusPrograms,
  { targets, rules, consoles, directory }: PrometheusOptions,
): Promise<Prometheus> {
  const rulesFile = join(directory, 'rules.yml');
  const file = join(directory, 'prometheus.yml');
  await writeFile(rulesFile, rules);
  await writeFile(
    file,
    `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [${JSON.stringify(rulesFile)}]
scrape_configs: [{ job_name: conntrackd, static_configs: [{ targets: ${JSON.stringify(targets)} }] }]
`,
  );
  const child = await namespace.start(prometheus, [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(directory, 'tsdb')}`,
    `--web.listen-address=127.0.0.1:${PORT}`,
    `--web.console.templates=${consoles}`,
    `--web.console.libraries=${consoles}`,
  ]);
  const url = `http://127.0.0.1:${PORT}`;
  const get = async <T>(path: string): Promise<T> => {
    const { stdout } = await namespace.run('busybox', ['wget', '-q', '-O', '-', `${url}/api/v1/${path}`]);
    if (stdout === '') throw new Error(`no answer of Prometheus to ${path}\n${child.stderr().slice(-2_000)}`);
    const { status, error, data } = JSON.parse(stdout) as Answer<T>;
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  };
  const result: Prometheus = {
    url,
    seriesOf: async (expression) =>
      (await get<{ readonly result: readonly unknown[] }>(`query?query=${encodeURIComponent(expression)}`))
        .result.length,
    firing: async () => {
      type Alert = { readonly state: string; readonly labels: { readonly alertname: string } };
      const { alerts } = await get<{ readonly alerts: readonly Alert[] }>('alerts');
      const names = alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname);
      return [...new Set(names)].sort();
    },
  };
  await until(
    'Prometheus and its targets',
    async () => (await result.seriesOf('up == 1').catch(() => 0)) === targets.length,
    30_000,
  );
  return result;
}
