import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { cProgram, missingForLab, until, withLab } from '../../sim/netns/lab.ts';
import { run } from '../../sim/netns/process.ts';
import { ROOT } from '../support/packed-library.ts';
import { ourProgram } from './programs.ts';

const example = (name: string) => join(ROOT, 'examples', name);

/** A program with the peer of the example on firewall B: it plants a flow, and prints those that it has as they come. */
const PEER = `
import { openPeer } from '${pathToFileURL(example('peer.mjs'))}';
const peer = await openPeer({ address: '10.99.0.2', port: 3780 }, { address: '10.99.0.1', port: 3780 });
const ports = { source: 40000, destination: 443 };
const original = { family: 4, source: '192.0.2.1', destination: '198.51.100.7', protocol: 6, ports };
peer.plant({ original, status: 0xe, timeout: 1000, tcp: { state: 3 } });
setInterval(() => console.log(JSON.stringify(peer.flows())), 50);
`;

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

describe.concurrent('the examples of docs/library.md', () => {
  test('fail over in a laboratory', async () => {
    const { code, stdout, stderr } = await run(process.execPath, [example('lab.mjs')]);
    expect([code, stdout, stderr]).toEqual([0, 'the connection outlived firewall A\n', '']);
  });

  test('are a peer and a control client of a C node, and of ours', async () => {
    await withLab({}, async (lab) => {
      await lab.a.conntrack(
        ...['-I', '-p', 'tcp', '-s', '192.0.2.9', '-d', '198.51.100.9', '--sport', '5', '--dport', '6'],
        ...['--state', 'ESTABLISHED', '-u', 'SEEN_REPLY,ASSURED', '-t', '1000'],
      );
      for (const program of [cProgram, ourProgram]) {
        const node = await lab.a.start({ program });
        const peer = await lab.b.namespace.start(process.execPath, ['--input-type=module', '-e', PEER]);
        let received = '';
        peer.onLine((line) => {
          received = line;
        });
        await node.untilSize('external', 1);
        expect(await node.cache('external')).toMatchObject([
          { original: { src: '192.0.2.1', sport: '40000' } },
        ]);
        await node.command('-B');
        await until('the flow of the node at the peer', () => received.includes('192.0.2.9'));

        const client = await run(process.execPath, [example('control-client.mjs'), node.paths.controlSocket]);
        expect([client.code, client.stderr]).toEqual([0, '']);
        expect(client.stdout).toMatch(
          program === cProgram ? /^cache internal:\n/ : /^\{\n.*\binSync: (true|false)/s,
        );
        expect(client.stdout).toContain('src=192.0.2.1 ');
        await peer.stop();
        await node.stop();
      }
    });
  });
});
