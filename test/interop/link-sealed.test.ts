import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../sim/netns/until.ts';
import { KeyFile } from '../../src/link/sealed/key-file.ts';
import {
  closeStations,
  kinds,
  type Lab,
  openLab,
  openStation,
  type Side,
  type Station,
  say,
} from '../link/lab.ts';

let lab: Lab;
let directory: string;
beforeAll(async () => {
  lab = await openLab(1);
  directory = await mkdtemp(join(tmpdir(), 'conntrackd-ts-key-'));
});
afterAll(async () => {
  await lab?.close();
  await rm(directory, { recursive: true, force: true });
});
const files: KeyFile[] = [];
afterEach(async () => {
  await closeStations();
  for (const file of files.splice(0)) file.close();
});

const line = (n: number) => `${Buffer.from(new Uint8Array(32).fill(n)).toString('base64')}\n`;
const pathOf = (side: Side) => join(directory, `${side}.key`);
const write = (side: Side, ...keys: number[]) =>
  writeFile(pathOf(side), keys.map(line).join(''), { mode: 0o600 });

async function keyed(side: Side, kind: keyof typeof kinds, ...keys: number[]): Promise<Station> {
  await write(side, ...keys);
  const keyFile = new KeyFile(pathOf(side), () => {});
  files.push(keyFile);
  return openStation(lab.sides[side], [kinds[kind](side)], { keyFile });
}

const texts = ({ arrivals }: Station) => arrivals.map(({ bytes }) => new TextDecoder().decode(bytes));
const speak = ({ links }: Station, text: string) => say(links, new TextEncoder().encode(text), text.length);

describe.each(['UDP over IPv4', 'UDP over IPv6', 'multicast over IPv4'] as const)('%s', (kind) => {
  test('carries what nodes with one key send from their start on, also in batches', async () => {
    const here = await keyed(1, kind, 1);
    speak(here, 'HELLO');
    const there = await keyed(2, kind, 1);
    speak(there, 'HELLO BACK');
    await until('the greetings', () => here.arrivals.length === 1 && there.arrivals.length === 1);
    const datagram = new Uint8Array(here.links.payloadLimit - 20).fill(7);
    for (let n = 0; n < 100; n++) here.links.send(datagram, datagram.length);
    here.links.flush();
    await until('the batch', () => there.arrivals.length === 101);
    expect(texts(here)).toEqual(['HELLO BACK']);
    expect(texts(there)[0]).toBe('HELLO');
    for (const { bytes } of there.arrivals.slice(1)) expect(bytes).toEqual(datagram);
    expect(here.links.payloadLimit).toBe(1500 - 28 - 40);
  });

  test.each([
    ['without a key', undefined, 'unsealed', 'sealed'],
    ['with another key', 2, 'other-key', 'other-key'],
  ] as const)('refuses a node %s, and both know', async (_, key, hereReason, thereReason) => {
    const here = await keyed(1, kind, 1);
    const there =
      key === undefined ? await openStation(lab.sides[2], [kinds[kind](2)]) : await keyed(2, kind, key);
    speak(there, 'let me in');
    await until('both refuse', () => {
      speak(there, 'let me in');
      return (
        here.links.refusalsOn(0).countOf(hereReason) > 0 && there.links.refusalsOn(0).countOf(thereReason) > 0
      );
    });
    expect(here.arrivals).toEqual([]);
    // Without a key it comes as it is, and no version of the plain protocol begins so.
    expect(there.arrivals.filter(({ bytes }) => bytes[0]! >>> 4 !== 0xf)).toEqual([]);
    expect(here.links.refusalsOn(0).lastOf(hereReason)).toMatch(/^(10\.9\.1\.2|fd00:9:1::2)$/);
  });
});

test('keys are changed without a gap while the nodes speak', async () => {
  const here = await keyed(1, 'UDP over IPv4', 1);
  const there = await keyed(2, 'UDP over IPv4', 1);
  const [one, other] = files;
  let said = 0;
  const speaking = setInterval(() => speak(here, `${said++}`), 5);
  try {
    for (const [side, file, keys] of [
      [1, one, [1, 2]],
      [2, other, [1, 2]],
      [1, one, [2, 1]],
      [2, other, [2, 1]],
      [1, one, [2]],
      [2, other, [2]],
    ] as const) {
      await write(side, ...keys);
      const wanted = keys.map(line).join('');
      await until(
        'the file is read',
        () =>
          file!.keys.map(({ secret }) => `${Buffer.from(secret).toString('base64')}\n`).join('') === wanted,
      );
    }
    const before = said;
    await until('some more', () => said > before + 20);
  } finally {
    clearInterval(speaking);
  }
  await until('all of it', () => there.arrivals.length === said);
  expect(texts(there)).toEqual(Array.from({ length: said }, (_, n) => `${n}`));
});
