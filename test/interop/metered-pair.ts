import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Firewall, type Lab, syncAddress, until } from '../../sim/netns/lab.ts';
import type { Prometheus } from '../../sim/netns/prometheus.ts';
import { ourProgram } from './programs.ts';

const packaging = new URL('../../packaging/', import.meta.url);
export const METRICS_PORT = 9637;

/** The rules that we ship, for a Prometheus that asks every second. */
export function quickRules(): string {
  return readFileSync(new URL('prometheus/conntrackd.rules.yml', packaging), 'utf8')
    .replaceAll(/\[\d+m\]/g, '[15s]')
    .replaceAll(/for: \w+/g, 'for: 0s');
}

/** The settings file of a node that serves its metrics. */
export function metricsSettings(listen: string): string {
  return `[metrics]\nlisten = "${listen}"\n`;
}

/** Starts a pair over one link; both serve their metrics on their address there. Returns `HOST:PORT` of both. */
export async function startMeteredPair(lab: Lab, more: readonly string[] = []): Promise<readonly string[]> {
  const configuration = { mode: 'FTFW', inGeneral: more } as const;
  const targets = (['a', 'b'] as const).map((side) => `${syncAddress(side, 0).v4}:${METRICS_PORT}`);
  await lab.startNodes({
    a: { program: ourProgram, configuration, settings: () => metricsSettings(targets[0]!) },
    b: { program: ourProgram, configuration, settings: () => metricsSettings(targets[1]!) },
  });
  return targets;
}

/** Waits until each of these alerts has fired. */
export async function untilFiring(prometheus: Prometheus, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await until(`the alert ${name}`, async () => (await prometheus.firing()).includes(name), 30_000);
  }
}

/** A panel of the dashboard or the console, with the queries of both alike. */
interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly queries: readonly string[];
}

export function dashboardPanels(): Panel[] {
  interface GrafanaPanel {
    readonly title: string;
    readonly fieldConfig?: { readonly defaults: { readonly unit: string } };
    readonly targets?: readonly { readonly expr: string }[];
  }
  const { panels } = JSON.parse(readFileSync(new URL('grafana/conntrackd.json', packaging), 'utf8')) as {
    readonly panels: readonly GrafanaPanel[];
  };
  return panels.flatMap(({ title, fieldConfig, targets }) =>
    targets === undefined
      ? []
      : [{ title, unit: fieldConfig!.defaults.unit, queries: targets.map(({ expr }) => expr) }],
  );
}

export const consoles = fileURLToPath(new URL('prometheus/consoles', packaging));

export function consolePanels(): Panel[] {
  interface Row {
    readonly panels: readonly {
      readonly title: string;
      readonly unit: string;
      readonly queries: readonly { readonly expr: string }[];
    }[];
  }
  const page = readFileSync(`${consoles}/conntrackd.html`, 'utf8');
  const [, json] = /id="description">([^<]*)</.exec(page)!;
  return (JSON.parse(json!) as readonly Row[]).flatMap(({ panels }) =>
    panels.map(({ title, unit, queries }) => ({ title, unit, queries: queries.map(({ expr }) => expr) })),
  );
}

/** Every query of the dashboard, with its variables replaced. */
export function dashboardExpressions(): string[] {
  return dashboardPanels()
    .flatMap(({ queries }) => queries)
    .map((expr) =>
      expr
        .replaceAll('$__rate_interval', '10s')
        .replaceAll('$job', 'conntrackd')
        .replaceAll('$instance', '.*'),
    );
}

/** Runs a sub-command of ours with the configuration of a firewall's node, which may be a C node, or dead. */
export function runSubCommand({ namespace, node }: Firewall, ...words: readonly string[]) {
  return namespace.run(ourProgram.command, [...ourProgram.args, ...words, '-C', node().paths.configuration]);
}
