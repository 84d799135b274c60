import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Firewall, type Lab, type Program, tcpLoad, until, withLab } from '../netns/lab.ts';
import { TerminalScreen } from './terminal-screen.ts';

const COLUMNS = 80;
const LINES = 24;
/** After so long a node says that its peer is silent. */
const SILENCE_MS = 12_000;

export interface Picture {
  /** Of the file, without its ending. */
  readonly name: string;
  /** What it shows. */
  readonly title: string;
  readonly screen: TerminalScreen;
}

/** Flows that clients behind the firewall have, by client. */
function clients(lab: Lab): Promise<void> {
  return lab.a.load([
    ...tcpLoad(2400, { timeout: 431_000 }),
    ...many(900, (n) => `-I -p tcp -s 192.168.10.21 -d 203.0.113.80 --sport ${1024 + n} --dport 443 ${OPEN}`),
    ...many(350, (n) => `-I -p tcp -s 192.168.10.34 -d 203.0.113.25 --sport ${1024 + n} --dport 25 ${OPEN}`),
    ...many(
      260,
      (n) => `-I -p udp -s 192.168.10.34 -d 203.0.113.53 --sport ${1024 + n} --dport 53 -t 120 -u SEEN_REPLY`,
    ),
    ...many(
      120,
      (n) => `-I -p tcp -s 192.168.10.77 -d 198.51.100.${n + 1} --sport 40000 --dport 22 ${HALF_OPEN}`,
    ),
  ]);
}

const OPEN = '-t 431000 --state ESTABLISHED -u SEEN_REPLY,ASSURED';
const HALF_OPEN = '-t 110 --state SYN_SENT';

function many(count: number, line: (n: number) => string): string[] {
  return Array.from({ length: count }, (_, n) => line(n));
}

function becomeRole(
  { namespace, node }: Firewall,
  { command, args }: Program,
  role: string,
): Promise<string> {
  return namespace.must(command, [...args, 'role', role, '-C', node().paths.configuration]);
}

/** What a terminal shows after the command has done what `isThere` waits for. */
async function watchCommand(
  lab: Lab,
  { namespace, node }: Firewall,
  program: Program,
  words: readonly string[],
  isThere: (output: string) => boolean,
): Promise<TerminalScreen> {
  const file = join(lab.directory, `${words[0]}.typescript`);
  const command = [program.command, ...program.args, ...words, '-C', node().paths.configuration].join(' ');
  const shown = `stty cols ${COLUMNS} rows ${LINES}; echo "# conntrackd-ts ${words.join(' ')}"; ${command}`;
  const session = await namespace.start('script', ['-qfc', `sh -c '${shown}'`, file]);
  const output = () => readFileSync(file, 'utf8').replace(/^Script started[^\n]*\n/, '');
  await until(`a screen of ${words[0]}`, () => isThere(output()), 60_000);
  const screen = new TerminalScreen(COLUMNS, LINES);
  screen.write(output().replace(/\r*\nScript done[\s\S]*$/, '\r\n'));
  session.send('q');
  await session.ended;
  return screen;
}

/** Runs a pair of firewalls with traffic, and looks at the primary's screens. */
export async function takePictures(program: Program): Promise<Picture[]> {
  let pictures: Picture[] = [];
  await withLab({}, async (lab) => {
    await lab.startNodes({ a: { program }, b: { program } });
    await lab.settled();
    await becomeRole(lab.b, program, 'backup');
    await becomeRole(lab.a, program, 'primary');
    await clients(lab);
    const top = await whileGrowing(lab, () =>
      watchCommand(lab, lab.a, program, ['top', '--by', 'src,dport'], hasRates),
    );
    await lab.b.node().kill();
    await sleep(SILENCE_MS);
    const isWhole = (output: string) => /\ncaches [^\n]*\n[\s\S]*\n {2}-> [^\n]*\n/.test(output);
    const status = await watchCommand(lab, lab.a, program, ['status'], isWhole);
    pictures = [
      { name: 'status', title: 'conntrackd-ts status on a primary whose peer has died', screen: status },
      { name: 'top', title: 'conntrackd-ts top on a primary', screen: top },
    ];
  });
  return pictures;
}

/** Some readings of top, the last of which has seen new flows. */
function hasRates(output: string): boolean {
  const frames = output.split('\x1b[H').slice(1);
  return frames.length > 4 && / new\/s/.test(frames.at(-1)!) && frames.at(-1)!.includes('\x1b[J');
}

/** Does something while a client has some tens of new flows a second. */
async function whileGrowing<T>(lab: Lab, work: () => Promise<T>): Promise<T> {
  let isOver = false;
  const grow = async () => {
    for (let first = 10_000; !isOver; first += 5) {
      await lab.a.load(
        many(
          5,
          (n) =>
            `-I -p udp -s 192.168.10.34 -d 203.0.113.53 --sport ${first + n} --dport 53 -t 30 -u SEEN_REPLY`,
        ),
      );
      await sleep(100);
    }
  };
  const growing = grow();
  try {
    return await work();
  } finally {
    isOver = true;
    await growing;
  }
}
