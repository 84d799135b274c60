import { beforeAll, describe, expect, test } from 'vitest';
import { missingForLab, withLab } from '../../sim/netns/lab.ts';
import { run } from '../../sim/netns/process.ts';
import { mistakesInLines } from '../support/schemas.ts';
import { ourProgram } from './programs.ts';

beforeAll(() => {
  expect(missingForLab(['conntrackd', 'tcpdump'])).toEqual([]);
});

interface Line {
  readonly type: string;
  readonly flags: readonly string[];
  readonly transport: string;
  readonly malformed?: string;
  readonly source: { readonly address: string };
  readonly flow?: { readonly original: { readonly ports?: { readonly source: number } } };
}

describe.each([
  ['UDP', 4],
  ['Multicast', 4],
  ['UDP', 6],
  ['TCP', 4],
] as const)('what two C nodes send over %s, IPv%i, as tcpdump wrote it', (transport, family) => {
  test('is decoded to the last message', async () => {
    const configuration = { mode: 'FTFW', transport, family } as const;
    await withLab({}, async (lab) => {
      const capture = await lab.capture();
      await lab.startNodes({ a: { configuration }, b: { configuration } });
      const [tcp, udp] = await Promise.all([lab.connect(), lab.openUdp()]);
      await lab.replicated(tcp, udp);
      await lab.a.node().command('-B');
      await lab.settled();
      await capture.stop();

      const decode = (...args: readonly string[]) =>
        run(ourProgram.command, [...ourProgram.args, 'decode', ...args, capture.path]);
      const json = await decode('--json');
      const lines = json.stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Line);
      expect(json.code).toBe(0);
      expect(mistakesInLines('message', json.stdout)).toEqual([]);
      expect(json.stderr).toMatch(new RegExp(`${lines.length} messages, 0 malformed, \\d+ frames\\n$`));
      expect(lines.filter(({ malformed }) => malformed !== undefined)).toEqual([]);
      expect(new Set(lines.map((line) => line.transport))).toEqual(
        new Set([transport === 'TCP' ? 'tcp' : 'udp']),
      );
      expect(new Set(lines.map(({ source }) => source.address)).size).toBe(2);
      const ports = lines.map(({ flow }) => flow?.original.ports?.source);
      expect(ports).toContain(tcp.localPort);
      expect(ports).toContain(udp.localPort);
      expect(lines.some(({ flags }) => flags.includes('HELLO'))).toBe(true);

      const plain = await decode();
      expect(plain.stdout.split('\n')).toHaveLength(lines.length + 1);
      expect(plain.stdout).toMatch(
        new RegExp(` seq=\\d+ CT_\\w+ .*tcp      6 \\d+ ESTABLISHED .* sport=${tcp.localPort} dport=7000 `),
      );
    });
  });
});
