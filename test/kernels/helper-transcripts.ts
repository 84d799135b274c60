// What programs of each protocol say to each other, in bytes, and what the kernel is to expect of it.

import type { Speaker } from '../../sim/netns/speaker.ts';
import { bytes, joined, words } from '../helper/flows.ts';
import { CLIENT, OUTSIDE, SERVER } from './helper-lab.ts';

export interface Speakers {
  readonly client: Speaker;
  readonly firewall: Speaker;
  readonly server: Speaker;
}

export interface Transcript {
  readonly title: string;
  readonly helper: string;
  readonly family: 4 | 6;
  readonly transport: 'tcp' | 'udp';
  /** The port at which the helper is wanted. */
  readonly port: number;
  play(speakers: Speakers): Promise<void>;
  /** Expectations that ours makes of it. */
  readonly ours: number;
  /** Expectations that C's helper makes of it, where they are not the same. */
  readonly c?: { readonly count: number; readonly why: string };
}

/** The client's port in all transcripts. */
export const LOCAL_PORT = 40_000;
/** A port that some program announces. */
export const ANNOUNCED_PORT = 5001;

type Base = Pick<Transcript, 'helper' | 'family' | 'transport' | 'port'>;

/** The client asks, the server answers. */
function throughFirewall(base: Base, questions: readonly Uint8Array[], answers: readonly Uint8Array[]) {
  const at = { transport: base.transport, address: SERVER[base.family], port: base.port };
  return async ({ client, server }: Speakers): Promise<void> => {
    await server.serve(at, answers);
    await client.talk(at, { localPort: LOCAL_PORT, messages: questions });
  };
}

/** The firewall itself sends to a group. */
function toGroup({ port }: Base, group: string, message: Uint8Array, localPort = LOCAL_PORT) {
  const address = group.includes(':') ? `${group}%server` : group;
  return async ({ firewall }: Speakers): Promise<void> => {
    await firewall.talk(
      { transport: 'udp', address, port },
      { localPort, messages: [message], isAnswered: false },
    );
  };
}

function tnsRedirection(address: string): Uint8Array {
  const text = `(ADDRESS=(PROTOCOL=tcp)(DEV=6)(HOST=${address})(PORT=${ANNOUNCED_PORT}))`;
  const length = 10 + text.length;
  const header = [length >> 8, length & 255, 0, 0, 5, 0, 0, 0, text.length >> 8, text.length & 255];
  return joined(Uint8Array.from(header), bytes(text));
}

const DNS_QUERY = bytes('\0\0\0\0\0\x01\0\0\0\0\0\0\x04host\x05local\0\0\x01\0\x01');
const SLP_REQUEST = bytes('\x02\x01\0\0\x20\0\0\0\0\0\0\x01\0\x02en\0\0\0\x0cservice:test\0\0\0\0\0\0');
const SANE_START = words(7, 0);
const AMANDA_REQUEST = bytes('Amanda 2.6 REQ HANDLE 0 SEQ 1\nSERVICE sendbackup\n');
const AMANDA_ANSWER = bytes(
  `Amanda 2.6 REP HANDLE 0 SEQ 1\nCONNECT DATA ${ANNOUNCED_PORT} MESG ${ANNOUNCED_PORT + 1} INDEX ${ANNOUNCED_PORT + 2}\n`,
);
const search = (group: string) =>
  bytes(
    `M-SEARCH * HTTP/1.1\r\nHOST: ${group}:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n`,
  );
const host = (family: 4 | 6, address: string) => (family === 6 ? `[${address}]` : address);
const location = (family: 4 | 6) =>
  bytes(
    `HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLOCATION: http://${host(family, SERVER[family])}:${ANNOUNCED_PORT}/d.xml\r\n\r\n`,
  );
const subscribe = (family: 4 | 6) =>
  bytes(
    `SUBSCRIBE /e HTTP/1.1\r\nHOST: ${host(family, SERVER[family])}:1900\r\nCALLBACK: <http://${host(family, CLIENT[family])}:${ANNOUNCED_PORT}/cb>\r\nNT: upnp:event\r\n\r\n`,
  );
const OK = bytes('HTTP/1.1 200 OK\r\n\r\n');
const FTP_LOGIN = bytes('USER anonymous\r\n');
const FTP_WELCOME = bytes('230 Welcome\r\n');
/** RFC 2428 2: the numbers of the families. */
const FTP_FAMILY = { 4: 1, 6: 2 } as const;
const eprt = (family: 4 | 6) => bytes(`EPRT |${FTP_FAMILY[family]}|${CLIENT[family]}|${ANNOUNCED_PORT}|\r\n`);
const EPRT_ACCEPTED = bytes('200 EPRT command successful\r\n');
const EPSV = bytes('EPSV\r\n');
const EPSV_ACCEPTED = bytes(`229 Entering Extended Passive Mode (|||${ANNOUNCED_PORT}|)\r\n`);
/** RFC 1833 3 and RFC 5531 9: program 100003, version 3, by TCP. */
const GETPORT = words(7, 0, 2, 100_000, 2, 3, 0, 0, 0, 0, 100_003, 3, 6, 0);
const GETPORT_ANSWER = words(7, 1, 0, 0, 0, 0, ANNOUNCED_PORT);

const FAMILIES = [4, 6] as const;
const transcript = (
  title: string,
  base: Base,
  play: Transcript['play'],
  ours: number,
  c?: Transcript['c'],
): Transcript => ({
  title: `${title} over IPv${base.family}`,
  ...base,
  play,
  ours,
  ...(c !== undefined && { c }),
});

function ofFamily(family: 4 | 6): Transcript[] {
  const udp = (helper: string, port: number): Base => ({ helper, family, transport: 'udp', port });
  const tcp = (helper: string, port: number): Base => ({ helper, family, transport: 'tcp', port });
  const group = (v4: string, v6: string) => (family === 4 ? v4 : v6);
  const amanda = udp('amanda', 10_080);
  const mdns = udp('mdns', 5353);
  const sane = tcp('sane', 6566);
  const slp = udp('slp', 427);
  const ssdp = udp('ssdp', 1900);
  const upnp = tcp('ssdp', 1900);
  const tns = tcp('tns', 1521);
  const ftp = tcp('ftp', 21);
  const ssdpGroup = group('239.255.255.250', 'ff02::c');
  return [
    transcript(
      'EPRT of ftp',
      ftp,
      throughFirewall(ftp, [FTP_LOGIN, eprt(family)], [FTP_WELCOME, EPRT_ACCEPTED]),
      1,
      family === 4 ? undefined : { count: 0, why: 'reads no IPv6' },
    ),
    transcript('EPSV of ftp', ftp, throughFirewall(ftp, [FTP_LOGIN, EPSV], [FTP_WELCOME, EPSV_ACCEPTED]), 1, {
      count: 0,
      why: 'does not read the answer 229',
    }),
    transcript('amanda', amanda, throughFirewall(amanda, [AMANDA_REQUEST], [AMANDA_ANSWER]), 3, {
      count: family === 4 ? 1 : 0,
      why: 'expects the connections at the port of the request, and over IPv4 only',
    }),
    transcript('mdns', mdns, toGroup(mdns, group('224.0.0.251', 'ff02::fb'), DNS_QUERY), 1),
    transcript('sane', sane, throughFirewall(sane, [SANE_START], [words(0, ANNOUNCED_PORT, 0x1234)]), 1),
    transcript('slp', slp, toGroup(slp, group('239.255.255.253', 'ff02::116'), SLP_REQUEST), 1),
    transcript('a search of ssdp', ssdp, toGroup(ssdp, ssdpGroup, search(ssdpGroup)), 1),
    transcript(
      'a subscription of ssdp',
      upnp,
      throughFirewall(upnp, [subscribe(family)], [OK]),
      1,
      family === 4
        ? undefined
        : {
            count: 1,
            why: 'takes 80 for the port behind an address of IPv6',
          },
    ),
    transcript(
      'tns',
      tns,
      throughFirewall(tns, [bytes('connect')], [tnsRedirection(SERVER[family])]),
      1,
      family === 4
        ? undefined
        : {
            count: 0,
            why: 'expects nothing over IPv6',
          },
    ),
  ];
}

/** The answer to a search, which begins a flow of its own; the firewall answers it, so that it is known to have come. */
async function playAnswer({ server, firewall }: Speakers): Promise<void> {
  const to = { transport: 'udp', address: OUTSIDE[4], port: 1900 } as const;
  await firewall.serve(to, [OK]);
  await server.talk(to, { localPort: LOCAL_PORT, messages: [location(4)] });
}

const DHCPV6: Base = { helper: 'dhcpv6', family: 6, transport: 'udp', port: 547 };

/** Not at 111, where the real port mapper is. */
const RPC6: Base = { helper: 'rpc', family: 6, transport: 'udp', port: 10_111 };

export const TRANSCRIPTS: readonly Transcript[] = [
  ...FAMILIES.flatMap(ofFamily),
  transcript('rpc', RPC6, throughFirewall(RPC6, [GETPORT], [GETPORT_ANSWER]), 1),
  transcript(
    'an answer of ssdp',
    { helper: 'ssdp', family: 4, transport: 'udp', port: 1900 },
    playAnswer,
    1,
    {
      count: 0,
      why: 'takes the first packet of a flow for a search',
    },
  ),
  transcript('dhcpv6', DHCPV6, toGroup(DHCPV6, 'ff02::1:2', Uint8Array.of(1, 1, 2, 3), 546), 1),
];
