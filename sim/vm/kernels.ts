/** Debian's kernels, downloaded through apt and unpacked into a cache; nothing is installed. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CACHE, DOWNLOAD_TIMEOUT_MS, makeModuleList, unpackPackages } from '../netns/debian-packages.ts';
import { run } from '../netns/process.ts';

/** An unpacked kernel. */
export interface Kernel {
  /** As the command line names it: `6.1-amd64`. */
  readonly name: string;
  /** As `uname -r` prints it. */
  readonly release: string;
  /** The folder with `boot` and `lib/modules`. */
  readonly directory: string;
}

/** What apt offers for one name. */
export interface OfferedKernel {
  readonly name: string;
  /** The package that holds the kernel itself, such as `linux-image-6.1.0-56-amd64`. */
  readonly packageName: string;
  /** Options of apt that reach it. */
  readonly aptOptions: readonly string[];
}

/** Ends of the names of packages that depend on the newest kernel of their kind. */
const FLAVOURS = ['amd64', 'cloud-amd64'] as const;

const cache = join(CACHE, 'kernels');

/**
 * The kernels that apt offers: of this Debian, and of its backports where the mirror has them; the flavours of each.
 * @param wanted beginnings of names; all kernels if it is empty
 */
export async function offeredKernels(wanted: readonly string[]): Promise<OfferedKernel[]> {
  const chosen = ({ name }: OfferedKernel) =>
    wanted.length === 0 || wanted.some((prefix) => name.startsWith(prefix));
  let stable = await offers([]);
  if (stable.length === 0) {
    await run('apt-get', ['-qq', 'update'], { timeout: DOWNLOAD_TIMEOUT_MS });
    stable = await offers([]);
  }
  const found = stable.filter(chosen);
  if (wanted.length > 0 && wanted.every((prefix) => found.some(({ name }) => name.startsWith(prefix))))
    return found;
  const newer = (await offers(await backportOptions())).filter(chosen);
  return [...found, ...newer].filter(
    ({ name }, index, all) => all.findIndex((other) => other.name === name) === index,
  );
}

async function offers(aptOptions: readonly string[]): Promise<OfferedKernel[]> {
  const release = aptOptions.length === 0 ? [] : ['-t', `${codename()}-backports`];
  const found: OfferedKernel[] = [];
  for (const flavour of FLAVOURS) {
    const { stdout } = await run('apt-cache', [
      ...aptOptions,
      ...release,
      'show',
      '--no-all-versions',
      `linux-image-${flavour}`,
    ]);
    const packageName = /^Depends:.*?\b(linux-image-(\d+\.\d+)\S*)/m.exec(stdout);
    if (packageName === null) continue;
    found.push({ name: `${packageName[2]}-${flavour}`, packageName: packageName[1]!, aptOptions });
  }
  return found;
}

function codename(): string {
  return /^VERSION_CODENAME=(.*)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
}

/**
 * Options for an apt with a source list of its own, which holds the backports of this Debian at the mirrors that the system uses.
 * The system's lists stay as they are.
 */
async function backportOptions(): Promise<string[]> {
  const directory = join(cache, 'apt');
  mkdirSync(join(directory, 'lists', 'partial'), { recursive: true });
  const suite = `${codename()}-backports`;
  const uri = mirror();
  if (uri === undefined) return [];
  const list = join(directory, 'backports.list');
  writeFileSync(
    list,
    `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${uri} ${suite} main\n`,
  );
  const options = [
    ...['-o', `Dir::Etc::SourceList=${list}`, '-o', 'Dir::Etc::SourceParts=/dev/null'],
    ...['-o', `Dir::State::Lists=${join(directory, 'lists')}`],
    ...['-o', `Dir::Cache::pkgcache=`, '-o', 'Dir::Cache::srcpkgcache='],
    // The user of apt's downloads cannot enter a cache in a home directory.
    ...['-o', 'APT::Sandbox::User=root'],
  ];
  const { code } = await run('apt-get', [...options, '-qq', 'update'], { timeout: DOWNLOAD_TIMEOUT_MS });
  return code === 0 ? options : [];
}

/** The first mirror of Debian's main archive in apt's sources, of either format. */
function mirror(): string | undefined {
  const parts = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(parts) ? readdirSync(parts).map((name) => join(parts, name)) : []),
  ];
  const uris = files
    .filter((file) => existsSync(file))
    .flatMap((file) => readFileSync(file, 'utf8').match(/^(?:URIs:|deb(?: \[[^\]]*\])?) *\S+/gm) ?? [])
    .map((line) => line.split(/\s+/).at(-1)!);
  return uris.find((uri) => /\/debian\/?$/.test(uri));
}

/** Downloads and unpacks a kernel, unless the cache has it. */
export async function fetchKernel({ name, packageName, aptOptions }: OfferedKernel): Promise<Kernel> {
  const directory = join(cache, packageName);
  await unpackPackages(directory, [packageName], {
    aptOptions,
    finish: (unpacked) => makeModuleList(unpacked, releaseIn(unpacked)),
  });
  return { name, release: releaseIn(directory), directory };
}

function releaseIn(directory: string): string {
  const releases = readdirSync(join(directory, 'lib', 'modules'));
  if (releases.length !== 1)
    throw new Error(`${basename(directory)} holds ${releases.length} kernels, not one`);
  return releases[0]!;
}
