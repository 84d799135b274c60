import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { askNode } from '../../sim/netns/ask.ts';
import { missingForLab, until, withLab } from '../../sim/netns/lab.ts';
import { jsonForm, Request } from '../../src/control/codes.ts';
import { mistakesIn, mistakesInLines } from '../support/schemas.ts';
import { ourProgram } from './programs.ts';

interface Line {
  readonly time: string;
  readonly event?: string;
}

/** Each line that is there, whole. */
function parsed(text: string): Line[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

test('with [log] format = "json" every line of a run is one object as its schema says; so are the daemon\'s answers', async () => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
  await withLab({}, async (lab) => {
    const options = { program: ourProgram, settings: () => '[log]\nformat = "json"\n' };
    await lab.startNodes({ a: options, b: options });
    const connection = await lab.connect();
    await lab.replicated(connection);
    const node = lab.b.node();
    const lines = () => parsed(readFileSync(node.paths.logFile, 'utf8'));
    const line = (event: string) => lines().find((each) => each.event === event);
    const peer = { link: 'sync0', sender_address: expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/) };

    await node.command('-c');
    expect(line('commit_done')).toMatchObject({
      level: 'notice',
      message: expect.stringMatching(/^commit has taken 0\.\d{6} seconds$/),
      kind: 'entries',
      failed: 0,
      elapsed_ms: expect.any(Number),
    });
    const ask = (request: number) => askNode(node.paths.controlSocket, jsonForm(request)!);
    for (const [name, request] of Object.entries(Request).filter(([each]) => each.startsWith('STATISTICS')))
      expect(mistakesIn('statistics', JSON.parse(await ask(request))), name).toEqual([]);
    for (const request of [Request.DUMP_INTERNAL_CT, Request.DUMP_EXTERNAL_CT]) {
      const flows = await ask(request);
      expect(flows).toContain('"ESTABLISHED"');
      expect(mistakesInLines('flow', flows)).toEqual([]);
    }

    await lab.a.node().kill();
    await until('the peer is silent', () => line('peer_silent') !== undefined);
    expect(line('peer_silent')).toMatchObject({ level: 'warning', silent_ms: expect.any(Number), ...peer });
    await lab.a.start(options);
    await until(
      'the peer is back',
      () => line('peer_back') !== undefined && line('peer_restarted') !== undefined,
    );
    expect(line('peer_restarted')).toMatchObject({ level: 'notice', said_hello: true, ...peer });
    await until('a bulk', () => line('bulk') !== undefined);
    expect(line('bulk')).toMatchObject({ records: expect.any(Number) });
    node.signal('SIGHUP');
    await node.command('-f', 'external');
    await node.stop();

    expect(lines().at(-1)).toMatchObject({ event: 'stopping', level: 'notice' });
    for (const each of lines()) {
      expect(each).toMatchObject({ pid: node.pid, host: hostname() });
      expect(mistakesIn('log-line', each)).toEqual([]);
      expect(new Date(each.time).toISOString()).toBe(each.time);
    }
    // What the log file has goes to the console as well.
    const console = parsed(node.log().slice(readFileSync(node.paths.logFile, 'utf8').length));
    expect(console.map(({ event }) => event)).toContain('peer_silent');
  });
}, 60_000);

test('a start that fails says why in the format of the log', async () => {
  await withLab({}, async (lab) => {
    const settings = () => '[log]\nformat = "json"\n[metrics]\nlisten = "192.0.2.1:9637"\n';
    const failure = await lab.a
      .start({ program: ourProgram, settings })
      .catch((error: Error) => error.message);
    const line = parsed(`${failure}\n`.slice(`${failure}`.indexOf('{'))).find(
      ({ event }) => event === 'start_failed',
    );
    expect(line).toMatchObject({ level: 'error', message: expect.stringContaining('192.0.2.1:9637') });
  });
});
