import { describe, expect, test } from 'vitest';
import { htmlOf } from '../../sim/interop/output/html.ts';
import { junitOf } from '../../sim/interop/output/junit.ts';
import { markdownOf } from '../../sim/interop/output/markdown.ts';
import { textOf } from '../../sim/interop/output/text.ts';
import { type GridReport, lettersOf, overall, pairsOf, unprovenNodes } from '../../sim/interop/result.ts';
import { mistakesIn } from '../support/schemas.ts';
import { HOSTILE, REPORT } from './report.ts';
import { childrenOf, parseXml } from './xml.ts';

describe('a report', () => {
  test('has a verdict for each case of a pair: failed in one setting is failed, passed in one is supported', () => {
    const [same, mixed] = pairsOf(REPORT);
    expect(lettersOf(REPORT, same!)).toEqual({ pass: ['G', 'D'], fail: [], unsupported: [] });
    expect(lettersOf(REPORT, mixed!)).toEqual({ pass: [], fail: ['G'], unsupported: ['D'] });
    expect(overall([])).toBeUndefined();
  });

  test('names nodes that passed nothing', () => {
    expect(unprovenNodes(REPORT)).toEqual([]);
    const results = REPORT.results.filter(({ backup, verdict }) => backup === 'c' || verdict !== 'pass');
    expect(unprovenNodes({ ...REPORT, results })).toEqual(['tree']);
  });

  test('is JSON as its schema says, and the same when read again', () => {
    const read = JSON.parse(JSON.stringify(REPORT)) as GridReport;
    expect(mistakesIn('interop', read)).toEqual([]);
    expect(
      mistakesIn('interop', { ...read, results: [{ ...read.results[0], verdict: 'maybe' }] }),
    ).not.toEqual([]);
    expect(textOf(read)).toBe(textOf(REPORT));
  });
});

describe('as text', () => {
  const text = textOf(REPORT);

  test('it is a grid of primaries and backups', () => {
    const [grid] = text.split('\n\n');
    expect(grid!.split('\n')).toEqual([
      'primary \\ backup  c      tree',
      'c                 ok GD  FAIL G',
      '                         - D',
      'tree',
    ]);
  });

  test('it has a row for each case of each pair, and names what failed, where it is kept and how much it was', () => {
    expect(text).toContain(
      'c -> tree   ftfw  alarm\n            udp   udp\nG greeting  ok    FAIL\nD direct    -     -',
    );
    expect(text).toContain('c -> tree, greeting, alarm, udp: no packet');
    expect(text).toContain('/tmp/run/c-to-tree/greeting-alarm-udp');
    expect(text).toContain('3 x direct: symbol: syntax error');
    expect(text.split('\n').at(-1)).toBe('4 pass, 1 fail, 3 unsupported in 12 s');
  });
});

describe('as JUnit XML', () => {
  const root = parseXml(junitOf(REPORT));
  const suites = childrenOf(root, 'testsuite');

  test('it has a suite for each pair and counts what is in it', () => {
    expect(root.attributes).toMatchObject({ tests: '8', failures: '1', skipped: '3', time: '12' });
    expect(suites.map(({ attributes }) => attributes.name)).toEqual([
      'c to c',
      'c to tree',
      'tree to c',
      'tree to tree',
    ]);
    for (const suite of suites) {
      const cases = childrenOf(suite, 'testcase');
      const count = (name: string) => cases.filter((one) => childrenOf(one, name).length === 1).length;
      expect(suite.attributes).toMatchObject({
        tests: String(cases.length),
        failures: String(count('failure')),
        skipped: String(count('skipped')),
      });
    }
  });

  test('it names the reasons, whatever characters they have', () => {
    const [, failed, skipped] = childrenOf(suites[1]!, 'testcase');
    expect(failed!.attributes).toMatchObject({
      classname: 'c to tree.alarm.udp',
      name: 'greeting',
      time: '1.5',
    });
    const message = childrenOf(failed!, 'failure')[0]!.attributes.message;
    expect(message).toBe(`no packet ${HOSTILE.replace('\u0000', '\ufffd').replace('\ud800', '\ufffd')}`);
    expect(childrenOf(skipped!, 'skipped')[0]!.attributes.message).toBe('unsupported: symbol: syntax error');
  });
});

describe('as HTML', () => {
  const html = htmlOf(REPORT, '/tmp/site');

  test('it loads nothing, runs nothing, and escapes names, reasons and paths', () => {
    expect(html).not.toMatch(/<(?:script|link|img|iframe|object)|https?:|\bon\w+=|<b>/i);
    const shown = '&lt;b&gt;&amp;&quot;&#39;|*[x](y)\ufffd\ufffd&lt;/b&gt;';
    expect(html).toContain(`version unknown: ${shown}`);
    expect(html).toContain(`no packet ${shown}`);
    expect(html).toContain(`no commit is needed ${shown}`);
  });

  test('it links to what was kept, from where it lies', () => {
    expect(html).toContain('href="../run/c-to-tree/greeting-alarm-udp"');
  });

  test('its elements are closed', () => {
    const body = html.replace(/^<!DOCTYPE html>\n/, '').replace('<meta charset="utf-8">', '');
    expect(parseXml(body).attributes).toEqual({ lang: 'en' });
  });
});

describe('as Markdown', () => {
  const markdown = markdownOf(REPORT);

  test('it has the date, the versions and the grid, and every table is one', () => {
    expect(markdown).toContain('2026-11-30; c is v1.4.7, tree is ');
    expect(markdown).toContain('| c | ok G D | **fail** G; – D |');
    for (const table of markdown.split('\n\n').filter((part) => part.startsWith('|'))) {
      const widths = table
        .trim()
        .split('\n')
        .map((line) => line.replace(/\\\|/g, '').split('|').length);
      expect(new Set(widths).size).toBe(1);
    }
  });

  test('it names settings and reasons, and no path of this machine', () => {
    expect(markdown).toContain('- c -\\> tree, greeting, alarm, udp: no packet \\<b\\>&"\'\\|\\*\\[x\\](y)');
    expect(markdown).toContain('- direct in alarm; direct in ftfw: symbol: syntax error');
    expect(markdown).not.toContain('/tmp/run');
  });
});
