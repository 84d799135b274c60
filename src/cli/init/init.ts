import type { Readable, Writable } from 'node:stream';
import { type NodeFile, pairFiles, WriteError, writeFiles } from './files.ts';
import { lookAtMachine, type Machine } from './machine.ts';
import { otherEnd } from './network.ts';
import { DIRECTORY, type InitOptions, readOptions, USAGE } from './options.ts';
import { interfaceNamed, type Pair, planPair, type WantedLink, WishError } from './pair.ts';
import { Questions } from './questions.ts';

export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable;
  readonly stderr: Writable;
}

const USUAL_INSTANCE = 'VI_1';

/** `init [OPTION]...` Resolves to the exit code: 1 where something is wrong, or was not written that should be. */
export async function runInit(
  args: readonly string[],
  { stdin, stdout, stderr }: Streams,
  machine: () => Machine = lookAtMachine,
): Promise<0 | 1> {
  let questions: Questions | undefined;
  try {
    const options = readOptions(args);
    if (options === undefined) {
      stdout.write(USAGE);
      return 0;
    }
    if (stdin.isTTY === true && !options.yes) questions = new Questions(stdin, stderr);
    return await makePair(options, machine(), questions, stdout);
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const isWrongUse = error instanceof WishError || code?.startsWith('ERR_PARSE_ARGS') === true;
    if (!isWrongUse && !(error instanceof WriteError)) throw error;
    stderr.write(`init: ${message.split('\n')[0]}${isWrongUse ? '; see conntrackd-ts init --help' : ''}\n`);
    return 1;
  } finally {
    questions?.close();
  }
}

async function makePair(
  options: InitOptions,
  machine: Machine,
  questions: Questions | undefined,
  stdout: Writable,
): Promise<0 | 1> {
  const link = await wholeLink(options.link, machine, questions);
  const virtualAddresses = await virtualAddressesOf(options, questions);
  const { mode, port, secondLink, routerId, guard } = options;
  const instance = options.instance ?? (virtualAddresses.length > 0 ? USUAL_INSTANCE : undefined);
  const links = secondLink === undefined ? [link] : [link, secondLink];
  const pair = planPair({ mode, port, links, instance, virtualAddresses, routerId, guard }, machine);
  const files = pairFiles(pair);
  stdout.write(shownFiles(files));

  const directory =
    options.directory ??
    ((await questions?.confirm(`Write these files into ${DIRECTORY}?`)) ? DIRECTORY : undefined);
  if (directory === undefined) {
    stdout.write(
      'Nothing was written: --yes writes these files into /etc/conntrackd, --write DIR into another folder.\n',
    );
    return 0;
  }
  const written = writeFiles(directory, files);
  stdout.write(`Written: ${written.join(', ')}\n${nextSteps(directory, pair)}`);
  return 0;
}

/** @throws WishError where something is missing, and there is nobody to ask */
async function wholeLink(
  { interface: given, peer: givenPeer }: Partial<WantedLink>,
  machine: Machine,
  questions: Questions | undefined,
): Promise<WantedLink> {
  const name =
    given ?? (await questions?.ask(`Interface of the dedicated link (${shownInterfaces(machine)})`)) ?? '';
  if (name === '') {
    throw new WishError(`--interface is missing: the dedicated link, one of ${shownInterfaces(machine)}`);
  }
  const { addresses } = interfaceNamed(name, machine);
  const guess = addresses.map(otherEnd).find((address) => address !== undefined);
  const peer = givenPeer ?? (await questions?.ask("The peer's address on it", guess)) ?? '';
  if (peer === '') throw new WishError("--peer is missing: the peer's address on the dedicated link");
  return { interface: name, peer };
}

async function virtualAddressesOf(
  { virtualAddresses, instance }: InitOptions,
  questions: Questions | undefined,
): Promise<readonly string[]> {
  if (virtualAddresses.length > 0 || instance !== undefined) return virtualAddresses;
  const answer = await questions?.ask(
    'Virtual addresses that keepalived moves, such as 192.0.2.1/24 198.51.100.1/24 (empty: none)',
  );
  return (answer ?? '').split(/[\s,]+/).filter((word) => word !== '');
}

function shownInterfaces({ interfaces }: Machine): string {
  const shown = interfaces.map(
    ({ name, addresses }) =>
      `${name} ${addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`).join(' ')}`,
  );
  return shown.join(', ') || 'none: no interface has an address';
}

function shownFiles(files: readonly NodeFile[]): string {
  return files.map(({ path, text }) => `--- ${path}\n${text}\n`).join('');
}

function nextSteps(directory: string, { nodes: [own], wishes }: Pair): string {
  const peer = own.links[0]!.peer;
  const host = peer.includes(':') ? `[${peer}]` : peer;
  const configuration = `${directory}/conntrackd.conf`;
  const keepalived =
    wishes.instance === undefined
      ? ''
      : `Put ${directory}/keepalived-snippet.conf into /etc/keepalived/keepalived.conf on both nodes, and reload keepalived.\n`;
  return `Next, on this node and then on the peer:
  scp -r ${directory}/peer/. root@${host}:${DIRECTORY}/     # here alone
  ${directory === DIRECTORY ? 'systemctl start conntrackd-ts              # or conntrackd-ts -d' : `conntrackd-ts -C ${configuration} -d`}
  conntrackd-ts status${directory === DIRECTORY ? '' : ` -C ${configuration}`}
${keepalived}`;
}
