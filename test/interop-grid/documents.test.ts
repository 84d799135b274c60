import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseGridArguments, USAGE } from '../../sim/interop/options.ts';
import { CASES } from '../../sim/interop/registry.ts';
import { LINKS, MODES } from '../../sim/interop/setting.ts';

const documented = (file: string) => readFileSync(new URL(`../../docs/${file}`, import.meta.url), 'utf8');
const OPTIONS = [...USAGE.matchAll(/^ {2}(--\w+)/gm)].map(([, option]) => option!);

test('every case has a letter and a name of its own, and a sentence', () => {
  expect(new Set(CASES.map(({ letter }) => letter)).size).toBe(CASES.length);
  expect(new Set(CASES.map(({ name }) => name)).size).toBe(CASES.length);
  for (const { letter, name, sentence } of CASES) {
    expect(letter).toMatch(/^[A-Z0-9]$/);
    expect(name).toMatch(/^[a-z][a-z0-9-]+$/);
    expect(sentence.length).toBeGreaterThan(20);
  }
});

describe('docs/interop.md', () => {
  const page = documented('interop.md');

  test('names every case in a row, in the order of the grid', () => {
    const rows = [...page.matchAll(/^\| (\S) \| `([\w-]+)` \|/gm)].map(([, letter, name]) => [letter, name]);
    expect(rows).toEqual(CASES.map(({ letter, name }) => [letter, name]));
  });

  test('names every option', () => {
    const missing = OPTIONS.filter(
      (option) => !['--list', '--help'].includes(option) && !page.includes(`\`${option}`),
    );
    expect(OPTIONS.length).toBeGreaterThan(10);
    expect(missing).toEqual([]);
  });
});

describe('docs/interop-grid.md', () => {
  const page = documented('interop-grid.md');
  const tables = page
    .split('\n\n')
    .filter((part) => part.startsWith('|  | case | ftfw'))
    .map((table) =>
      table
        .trim()
        .split('\n')
        .map((row) =>
          row
            .split('|')
            .slice(1, -1)
            .map((cell) => cell.trim()),
        ),
    );

  test('is complete: every case in every mode over every link, between C 1.4.7 and ours in all directions', () => {
    expect(page).toMatch(/^20\d\d-\d\d-\d\d; c is v1\.4\.7, ours is v/m);
    expect(tables).toHaveLength(4);
    const settings = MODES.flatMap((mode) => LINKS.map((link) => `${mode}, ${link}`));
    for (const [head, , ...rows] of tables) {
      expect(head).toEqual(['', 'case', ...settings]);
      expect(rows.map(([letter, name]) => [letter, name])).toEqual(
        CASES.map(({ letter, name }) => [letter, name]),
      );
      for (const row of rows) expect(row.slice(2).join(' ')).toMatch(/^(?:(?:ok|–|\*\*fail\*\*) ?){9}$/);
    }
  });

  test('is what the cases of today show', () => {
    for (const { sentence } of CASES) {
      expect(page.replaceAll('\\', '')).toContain(`| ${sentence} |`);
    }
  });
});

describe('the example workflow', () => {
  const workflow = parse(documented('examples/interop-workflow.yml')) as {
    readonly on: unknown;
    readonly jobs: {
      readonly interop: { readonly steps: readonly { uses?: string; run?: string; if?: string }[] };
    };
  };
  const { steps } = workflow.jobs.interop;

  test('is steps that each use or run something, and keeps what failed', () => {
    expect(Object.keys(workflow.on as object)).toEqual(['push', 'pull_request']);
    for (const { uses, run } of steps) expect([uses, run].filter((one) => one !== undefined)).toHaveLength(1);
    expect(steps.at(-1)).toMatchObject({ if: 'always()', with: { path: 'conntrackd-ts/out/interop' } });
  });

  test('gives the grid options that it takes', () => {
    const [line] = steps.flatMap(({ run }) => (run?.includes('npm run interop -- ') ? [run] : []));
    const words = line!.replaceAll('\\\n', ' ').trim().split(/\s+/);
    const options = words.slice(words.indexOf('--') + 1);
    const nodes = options.filter((_, at) => options[at - 1] === '--node');
    expect(nodes.map((node) => node.split('=')[0])).toEqual(['tree', 'distribution', 'ours']);
    const others = options.filter((word, at) => word !== '--node' && options[at - 1] !== '--node');
    expect(parseGridArguments(['--node', 'ours', ...others])).toMatchObject({
      kind: 'run',
      options: { jobs: 4, files: { junit: 'out/interop/junit.xml', html: 'out/interop/grid.html' } },
    });
  });
});
