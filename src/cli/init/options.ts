import { parseArgs } from 'node:util';
import { MODES, type Mode, type WantedLink, WishError } from './pair.ts';

const PORT = 3780;
const ROUTER_ID = 51;

/** Where conntrackd looks for its configuration. */
export const DIRECTORY = '/etc/conntrackd';

export const USAGE = `Usage: conntrackd-ts init [OPTION]...
Makes the configuration of both nodes of a pair, and of keepalived: looks at this machine, asks on a terminal for what no option
says, and shows the files. Writes them only with --write or --yes, or after a yes to its question; never overwrites a file.
  --interface NAME, the dedicated link between the nodes
  --peer ADDRESS, the peer's address on it
  --second-interface NAME, a second link, for when the first one is down
  --second-peer ADDRESS, the peer's address on that
  --port N, the UDP port of the links (${PORT})
  --mode ${MODES.join('|')}, how changes are sent (ftfw)
  --virtual ADDRESS/BITS[@INTERFACE], a virtual address that goes to the primary; may be given again
  --instance NAME, the VRRP instance of keepalived that says who is primary (with --virtual VI_1)
  --router-id N, its virtual router id, 1 to 255 (${ROUTER_ID})
  --guard, drop what arrives at a new primary until its flows are committed (Linux 5.12)
  --write DIR, write the files: this node's into DIR, the peer's into DIR/peer
  --yes, write them into ${DIRECTORY}; with --write there; ask nothing

Examples:
  conntrackd-ts init --interface eth2 --peer 10.0.0.2
  conntrackd-ts init --interface eth2 --peer 10.0.0.2 --virtual 192.0.2.1/24 --virtual 198.51.100.1/24 --yes
`;

/** What the options say; what they leave out is asked for. */
export interface InitOptions {
  readonly mode: Mode;
  readonly link: Partial<WantedLink>;
  readonly secondLink: WantedLink | undefined;
  readonly port: number;
  readonly instance: string | undefined;
  readonly virtualAddresses: readonly string[];
  readonly routerId: number;
  readonly guard: boolean;
  /** Undefined: show the files, and ask. */
  readonly directory: string | undefined;
  readonly yes: boolean;
}

/** Undefined where help was asked for. @throws Error that says what is wrong with the arguments */
export function readOptions(args: readonly string[]): InitOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      interface: { type: 'string' },
      peer: { type: 'string' },
      'second-interface': { type: 'string' },
      'second-peer': { type: 'string' },
      port: { type: 'string' },
      mode: { type: 'string' },
      virtual: { type: 'string', multiple: true },
      instance: { type: 'string' },
      'router-id': { type: 'string' },
      guard: { type: 'boolean' },
      write: { type: 'string' },
      yes: { type: 'boolean', short: 'y' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return undefined;
  const { interface: link, peer, write, yes = false, mode: wanted = 'ftfw' } = values;
  const { 'second-interface': secondLink, 'second-peer': secondPeer } = values;
  const mode = MODES.find((word) => word === wanted.toLowerCase());
  if (mode === undefined)
    throw new WishError(`--mode: found \`${wanted}', expected one of ${MODES.join(', ')}`);
  if ((secondLink === undefined) !== (secondPeer === undefined)) {
    throw new WishError('--second-interface and --second-peer go together');
  }
  if (write === '') throw new WishError('--write: found nothing, expected a directory');
  return {
    mode,
    link: { ...(link === undefined ? {} : { interface: link }), ...(peer === undefined ? {} : { peer }) },
    secondLink:
      secondLink === undefined || secondPeer === undefined
        ? undefined
        : { interface: secondLink, peer: secondPeer },
    port: numberOption('--port', values.port, PORT, 65_535),
    instance: nameOption('--instance', values.instance),
    virtualAddresses: (values.virtual ?? []).flatMap((text) => text.split(',')),
    routerId: numberOption('--router-id', values['router-id'], ROUTER_ID, 255),
    guard: values.guard ?? false,
    directory: write ?? (yes ? DIRECTORY : undefined),
    yes,
  };
}

function numberOption(option: string, text: string | undefined, usual: number, most: number): number {
  if (text === undefined) return usual;
  const value = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most)
    throw new WishError(`${option}: found \`${text}', expected a number from 1 to ${most}`);
  return value;
}

/** keepalived's names are words. */
function nameOption(option: string, text: string | undefined): string | undefined {
  if (text !== undefined && !/^[\w.-]+$/.test(text)) {
    throw new WishError(`${option}: found \`${text}', expected letters, digits, _, - and .`);
  }
  return text;
}
