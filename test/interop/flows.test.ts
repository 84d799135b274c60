import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cProgramPath } from '../../sim/netns/c-program.ts';
import { loadFlows, sampleFlows, tcpLoad } from '../../sim/netns/flows.ts';
import { startBareNode } from '../../sim/netns/kernel-lab.ts';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import type { CommandResult } from '../../sim/netns/process.ts';
import { openScope, type Scope } from '../../sim/netns/scope.ts';
import { until } from '../../sim/netns/until.ts';
import { mistakesIn, mistakesInLines } from '../support/schemas.ts';
import { ourProgram } from './programs.ts';

let scope: Scope;
let host: Namespace;

beforeEach(async () => {
  scope = openScope('flw');
  host = await createNamespace(scope, 'a');
  await host.sysctl({
    'net.netfilter.nf_conntrack_acct': 1,
    'net.netfilter.nf_conntrack_timestamp': 1,
  });
});

afterEach(() => scope.close());

function ours(...words: readonly string[]): Promise<CommandResult> {
  return host.run(ourProgram.command, [...ourProgram.args, ...words]);
}

async function lines(...words: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await ours(...words);
  expect([code, stderr]).toEqual([0, '']);
  return sorted(stdout);
}

/** Sorted, and without what passes while the two programs read. */
function sorted(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) =>
      line.replace(/^(\w+ +\d+) \d+ (?=[A-Z]|src)/, '$1 LEFT ').replace(/delta-time=\d+/, 'delta-time'),
    )
    .sort();
}

async function makeSamples(): Promise<number> {
  const made = sampleFlows();
  for (const { arguments: args } of made) await host.must('conntrack', args);
  return made.length;
}

async function conntrack(...args: readonly string[]): Promise<string[]> {
  return sorted(await host.must('conntrack', args));
}

describe('a table that is resized while it is read', () => {
  const FLOWS = 4000;
  const ADDED = 200;

  test.each([
    ['list', FLOWS + ADDED],
    ['delete all --yes', 0],
  ])('%s takes each flow once, those in the buckets that were passed too', async (words, left) => {
    await loadFlows(host, tcpLoad(FLOWS), scope.directory);
    const buckets = join(scope.directory, 'buckets');
    const added = join(scope.directory, 'added');
    writeFileSync(buckets, '4096\n');
    writeFileSync(added, `${tcpLoad(ADDED, { first: 10_000 }).join('\n')}\n`);
    // The kernel resizes the tables of all namespaces at once, so the number of buckets is a file here. What is read waits for
    // its reader, who has some of the flows when the number changes.
    const script = `
      mount --bind ${buckets} /proc/sys/net/netfilter/nf_conntrack_buckets
      ${[ourProgram.command, ...ourProgram.args].join(' ')} ${words} | {
        read -r first; echo "$first"
        conntrack -R ${added} >&2
        echo 8192 > ${buckets}
        cat
      }`;
    const { stdout, stderr } = await host.run('unshare', ['--mount', 'sh', '-c', script]);
    expect(stderr).not.toContain('resized');
    const ports = sorted(stdout).map((line) => /src=(\S+).*? sport=(\d+)/.exec(line)?.slice(1).join(' '));
    expect(new Set(ports).size).toBe(FLOWS + ADDED);
    expect(ports).toHaveLength(FLOWS + ADDED);
    expect(Number(await host.must('conntrack', ['-C']))).toBe(left);
  });
});

describe('list', () => {
  test('prints what conntrack -L prints, and counts what it counts', async () => {
    const made = await makeSamples();
    const expected = await conntrack('-L');
    expect(expected).toHaveLength(made);
    expect(await lines('list')).toEqual(expected);
    expect(await lines('list', '--count')).toEqual([String(made)]);
    expect(await lines('list', '--limit', '3', '--count')).toEqual(['3']);
  });

  test.each([
    ['tcp', ['-p', 'tcp']],
    ['ipv6', ['-f', 'ipv6']],
    ['tcp state established', ['-p', 'tcp', '--state', 'ESTABLISHED']],
    ['unreplied', ['-u', 'UNREPLIED']],
    ['assured', ['-u', 'ASSURED']],
    ['mark 0/0xffffffff', ['-m', '0/0xffffffff']],
    ['snat', ['--src-nat']],
    // conntrack takes the type of a translated ICMP flow for a port, and so the flow for one with DNAT.
    ['tcp dnat', ['-p', 'tcp', '--dst-nat']],
    ['zone 0', ['-w', '0']],
  ])('%s selects what conntrack -L %j selects', async (words, args) => {
    await makeSamples();
    const expected = await conntrack('-L', ...args);
    expect(expected.length).toBeGreaterThan(0);
    expect(await lines('list', words)).toEqual(expected);
  });

  test('tells as JSON and as a table what it tells as text', async () => {
    const made = await makeSamples();
    const rows = (await lines('list', '--json')).map((line) => JSON.parse(line));
    expect(rows.flatMap((row) => mistakesIn('flow', row))).toEqual([]);
    expect(rows).toHaveLength(made);
    for (const row of rows) {
      expect(row).toMatchObject({ counters: { original: { packets: 0, bytes: 0 } }, use: 1 });
      expect(row.age).toBeGreaterThanOrEqual(0);
    }
    const table = (await ours('list', '--table')).stdout.split('\n');
    expect(table).toHaveLength(made + 2);
    expect(table[0]).toMatch(/^PROTO +STATE +SOURCE +DESTINATION/);
  });

  test('sorts, and measures what flows carry', async () => {
    await host.nft('table ip t { chain c { type filter hook output priority 0; ct state new accept\n }\n}');
    const load = await host.start('ping', ['-i', '0.2', '-s', '1000', '127.0.0.1']);
    await until('it is tracked', async () => (await lines('list', 'icmp', '--count'))[0] === '1');
    await host.must('conntrack', '-I -p udp -s 1.1.1.1 -d 2.2.2.2 --sport 1 --dport 2 -t 99'.split(' '));
    const [first, second] = (await ours('list', '--sort', 'rate', '--for', '2s', '--json')).stdout
      .split('\n', 2)
      .map((line) => JSON.parse(line));
    expect([first.protocol, second.protocol]).toEqual(['icmp', 'udp']);
    expect([...mistakesIn('flow', first), ...mistakesIn('flow', second)]).toEqual([]);
    // Five echoes and their answers a second, of 1028 bytes each, both of which loopback's flow counts.
    expect(first.bytesPerSecond).toBeGreaterThan(4000);
    expect(first.bytesPerSecond).toBeLessThan(25_000);
    expect(second.bytesPerSecond).toBe(0);
    await load.stop();
  });

  test('reads the caches of a C node and of ours', async () => {
    await makeSamples();
    const path = await startBareNode(host, scope.directory, {
      link: { from: '127.0.0.1', to: '127.0.0.2', device: 'lo' },
    });
    const cached = (await host.must(cProgramPath(), ['-C', path, '-i']))
      .split('\n')
      .filter((line) => line !== '');
    expect(cached.length).toBeGreaterThan(20);
    const fromC = await lines('list', '--from', 'internal', '-C', path);
    expect(fromC).toEqual(
      cached.map((line) => line.replace(/ delta-time=\d+| \[active since.*/g, '')).sort(),
    );
    expect(await lines('list', '--from', 'external', '-C', path, '--count')).toEqual(['0']);
    await host.must(cProgramPath(), ['-C', path, '-k']);
    await until('it has ended', async () => (await host.run(cProgramPath(), ['-C', path, '-s'])).code !== 0);
    const [command, ...args] = [ourProgram.command, ...ourProgram.args, '-C', path];
    await host.must(command, [...args, '-d']);
    expect(await lines('list', '--from', 'internal', '-C', path, 'udp')).toEqual(
      fromC.filter((line) => line.startsWith('udp ')),
    );
    const [row] = await lines('list', '--from', 'internal', '-C', path, '--json', 'sctp state established');
    expect(JSON.parse(row!)).toMatchObject({ protocol: 'sctp', state: 'ESTABLISHED' });
    await host.must(command, [...args, '-k']);
    const gone = await ours('list', '--from', 'internal', '-C', path);
    expect([gone.code, gone.stdout]).toEqual([1, '']);
    expect(gone.stderr).toMatch(/^list: control socket/);
  });

  test('ends quietly with its reader, and says what it cannot write', async () => {
    await loadFlows(host, tcpLoad(20_000), scope.directory);
    const program = [ourProgram.command, ...ourProgram.args].join(' ');
    const piped = await host.run('bash', ['-c', `${program} list | head -1; echo "\${PIPESTATUS[0]}"`]);
    expect(piped.stdout.split('\n').slice(1)).toEqual(['0', '']);
    expect(piped.stderr).toBe('');
    const full = await host.run('sh', ['-c', `${program} list > /dev/full`]);
    expect(full.code).toBe(1);
    expect(full.stderr).toContain('standard output: ENOSPC');
  });

  test('needs privileges, and says so', async () => {
    const program = [ourProgram.command, ...ourProgram.args];
    const result = await host.run('setpriv', ['--reuid', '65534', '--clear-groups', ...program, 'list']);
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toMatch(/^list: .*needs CAP_NET_ADMIN/);
  });
});

describe('delete', () => {
  test('deletes what conntrack -D deletes, and nothing else', async () => {
    await makeSamples();
    const all = await conntrack('-L');
    const wanted = await conntrack('-L', '-p', 'tcp', '--state', 'ESTABLISHED');
    const looked = await ours('delete', 'tcp', 'state', 'established', '--dry-run');
    expect(sorted(looked.stdout)).toEqual(wanted);
    expect(looked.stderr).toBe(`${wanted.length} flows would be deleted; nothing was\n`);
    expect(await conntrack('-L')).toEqual(all);
    const done = await ours('delete', 'tcp', 'state', 'established', '--yes');
    expect([done.code, sorted(done.stdout)]).toEqual([0, wanted]);
    expect(done.stderr).toBe(`${wanted.length} flows deleted\n`);
    expect(await conntrack('-L')).toEqual(all.filter((line) => !wanted.includes(line)));
    expect((await ours('delete', 'all', '--yes', '--quiet')).stdout).toBe('');
    expect(await conntrack('-L')).toEqual([]);
  });

  test('does nothing where it was not told to', async () => {
    await makeSamples();
    const all = await conntrack('-L');
    for (const words of [
      ['delete'],
      ['delete', '--yes'],
      ['delete', 'udp'],
      ['delete', 'dport', '--yes'],
      ['delete', 'udp', '--yes', '--dry-run'],
    ]) {
      const { code, stdout, stderr } = await ours(...words);
      expect([words, code, stdout]).toEqual([words, 1, '']);
      expect(stderr).toMatch(/^delete: .*(--yes|expected|exclude)/);
    }
    expect(await conntrack('-L')).toEqual(all);
  });

  test.each([
    ['y', 0],
    ['n', 1],
    ['', 1],
  ] as const)('asks on a terminal: %j', async (answer, code) => {
    await makeSamples();
    const program = [ourProgram.command, ...ourProgram.args].join(' ');
    const { stdout, code: found } = await host.run(
      'script',
      ['-qec', `${program} delete udp --quiet`, '/dev/null'],
      { input: `${answer}\n` },
    );
    expect(stdout).toMatch(/Delete \d+ flows\? \[y\/N\]/);
    expect(found).toBe(code);
    expect((await conntrack('-L', '-p', 'udp')).length > 0).toBe(code === 1);
  });

  test('deletes flows of which one direction alone is in a zone', async () => {
    await host.nft(
      'table ip t { chain c { type filter hook output priority raw; ip daddr 127.0.0.1 ct original zone set 7\n }\n}',
    );
    await host.must('ping', ['-c', '1', '127.0.0.1']);
    expect(await lines('list', 'zone-orig', '7')).toEqual([expect.stringContaining('zone-orig=7')]);
    const { stderr } = await ours('delete', 'zone-orig', '7', '--yes');
    expect(stderr).toBe('1 flow deleted\n');
    expect(await lines('list', '--count')).toEqual(['0']);
  });
});

describe('events', () => {
  test('prints what conntrack -E prints', async () => {
    const program = [...ourProgram.args, 'events'];
    const ourEvents: string[] = [];
    const theirEvents: string[] = [];
    const mine = await host.start(ourProgram.command, program);
    mine.onLine((line) => ourEvents.push(line.replace(/delta-time=\d+/, 'delta-time')));
    const theirs = await host.start('conntrack', ['-E', '-b', '1000000']);
    theirs.onLine((line) =>
      theirEvents.push(line.replace(/delta-time=\d+/, 'delta-time').replace(/ progname=\S+$/, '')),
    );
    // Both have subscribed once they have shown the same flow.
    const probe = '-p udp -s 9.9.9.9 -d 9.9.9.8 --dport 9 -t 9 --sport'.split(' ');
    let port = 1;
    await until('both listen', async () => {
      await host.must('conntrack', ['-I', ...probe, String(port++)]);
      return ourEvents.length > 0 && theirEvents.length > 0;
    });
    await host.must('conntrack', ['-D', '-s', '9.9.9.9']);
    await makeSamples();
    await host.must('conntrack', ['-U', '-p', 'tcp', '--sport', '1000', '-m', '77']).catch(() => '');
    await host.must('conntrack', ['-D', '-p', 'udp']);
    await host.must('conntrack', [
      '-I',
      ...'-p udp -s 8.8.8.8 -d 9.9.9.8 --dport 9 -t 9 --sport 9'.split(' '),
    ]);
    const isLast = (line: string) => line.includes('src=8.8.8.8');
    await until('all came', async () => ourEvents.some(isLast) && theirEvents.some(isLast));
    const later = (events: readonly string[]) => events.filter((line) => !line.includes('src=9.9.9.9'));
    expect(later(ourEvents)).toEqual(later(theirEvents));
    expect(later(ourEvents).filter((line) => line.startsWith('[DESTROY]')).length).toBeGreaterThan(0);
    theirs.signal('SIGKILL');
    expect(await mine.stop('SIGINT')).toEqual({ code: 0, signal: null });
  });

  test('filters, counts and ends', async () => {
    const events: { event: string; time: number; protocol: string }[] = [];
    const listener = await host.start(ourProgram.command, [
      ...ourProgram.args,
      ...['events', 'udp', '--event', 'destroy', '--json', '--limit', '2'],
    ]);
    listener.onLine((line) => events.push(JSON.parse(line)));
    await until('two udp flows have ended', async () => {
      await host.run('conntrack', [
        '-I',
        ...'-p udp -s 1.1.1.1 -d 2.2.2.2 --sport 1 --dport 2 -t 9'.split(' '),
      ]);
      await host.run('conntrack', [
        '-I',
        ...'-p icmp -s 1.1.1.1 -d 2.2.2.2 --icmp-type 8 --icmp-code 0 --icmp-id 1 -t 9'.split(' '),
      ]);
      await host.run('conntrack', ['-D', '-s', '1.1.1.1']);
      return !listener.running();
    });
    expect(await listener.ended).toEqual({ code: 0, signal: null });
    expect(events.flatMap((each) => mistakesIn('event', each))).toEqual([]);
    expect(events.map(({ event, protocol }) => [event, protocol])).toEqual([
      ['destroy', 'udp'],
      ['destroy', 'udp'],
    ]);
    expect(Math.abs(events[0]!.time - Date.now() / 1000)).toBeLessThan(120);
  });
});

describe('stats', () => {
  test('prints the lines of conntrack -S, their sums and how full the table is', async () => {
    await makeSamples();
    const theirs = (await host.must('conntrack', ['-S'])).split('\n').slice(0, -1);
    const { stdout } = await ours('stats');
    const mine = stdout.split('\n');
    expect(mine.slice(0, theirs.length)).toEqual(theirs);
    const { entries, total, cpus, maxEntries } = JSON.parse((await ours('stats', '--json')).stdout);
    expect(entries).toBe(sampleFlows().length);
    expect(maxEntries).toBeGreaterThan(0);
    expect(total.insert).toBe(cpus.reduce((sum: number, { insert }: { insert: number }) => sum + insert, 0));
    expect(mine).toContain(
      `entries=${entries} max=${maxEntries} (${((100 * entries) / maxEntries).toFixed(1)}%)`,
    );
  });

  test('tells how fast they grow', async () => {
    const measuring = ours('stats', '--for', '3s', '--json');
    const insertMany = host.run('sh', [
      '-c',
      `for n in $(seq 200); do conntrack -I -p udp -s 1.1.1.1 -d 2.2.2.2 --sport $n --dport 2 -t 99 2>/dev/null; sleep 0.01; done`,
    ]);
    const { stdout } = await measuring;
    expect(mistakesIn('kernel-statistics', JSON.parse(stdout))).toEqual([]);
    const { perSecond } = JSON.parse(stdout);
    await insertMany;
    expect(perSecond.insert).toBeGreaterThan(0);
    expect(perSecond.insert).toBeLessThan(100);
  });
});

describe('top --batch', () => {
  test('counts as awk does over conntrack -L', async () => {
    await loadFlows(host, tcpLoad(5_000), scope.directory);
    await makeSamples();
    const script = `{ for (n = 1; n <= NF; n++) if ($n ~ /^src=/) { count[substr($n, 5)]++; break } }
      END { for (key in count) print key "\\t" count[key] }`;
    const file = join(scope.directory, 'count.awk');
    writeFileSync(file, script);
    const theirs = await host.must('sh', ['-c', `conntrack -L 2>/dev/null | awk -f ${file}`]);
    const { stdout, stderr } = await ours('top', '--by', 'src', '--batch');
    const mine = stdout.split('\n').slice(1, -1);
    expect(mine.map((line) => line.split('\t').slice(0, 2).join('\t')).sort()).toEqual(
      theirs.trim().split('\n').sort(),
    );
    expect(mine[0]).toMatch(/^10\.64\.\d+\.\d+\t1000\t/);
    expect(stderr).toContain(`${5_000 + sampleFlows().length} flows in ${mine.length} groups`);
  });

  test('counts new flows while it listens', async () => {
    const measuring = ours('top', 'udp', '--by', 'src', '--batch', '--for', '3s', '--json');
    const inserted = host.run('sh', [
      '-c',
      `for n in $(seq 300); do conntrack -I -p udp -s 1.1.1.1 -d 2.2.2.2 --sport $n --dport 2 -t 99 2>/dev/null; sleep 0.005; done`,
    ]);
    const { stdout } = await measuring;
    expect(mistakesInLines('group', stdout)).toEqual([]);
    const [row] = stdout.split('\n');
    await inserted;
    const { key, newPerSecond, flows } = JSON.parse(row!);
    expect(key).toBe('1.1.1.1');
    expect(newPerSecond).toBeGreaterThan(0);
    expect(newPerSecond).toBeLessThanOrEqual(flows / 2.5);
  });
});
