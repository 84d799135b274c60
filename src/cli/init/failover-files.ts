import type { Pair, PairNode, VirtualAddress } from './pair.ts';

/** In /run, which a unit with read-only file systems may write to. */
const FIFO = '/run/conntrackd-ts.fifo';

/** Our settings of a node; undefined where nothing differs from C. */
export function settingsToml({ wishes, virtualAddresses }: Pair): string | undefined {
  if (wishes.instance === undefined) return undefined;
  const guarded = [...new Set(virtualAddresses.map((each) => each.interface))];
  const guard = `
[failover.guard]
interfaces = ${JSON.stringify(guarded).replaceAll(',', ', ')}
`;
  return `# Written by conntrackd-ts init: the node hears from keepalived itself which role it has.
[failover]
keepalived_fifo = ${JSON.stringify(FIFO)}
instance = ${JSON.stringify(wishes.instance)}
${wishes.guard ? guard : ''}`;
}

/** What keepalived.conf of a node needs; undefined where keepalived has no part in it. */
export function keepalivedConf({ wishes, virtualAddresses }: Pair, node: PairNode): string | undefined {
  if (wishes.instance === undefined) return undefined;
  const head = `# Written by conntrackd-ts init, for /etc/keepalived/keepalived.conf: keepalived tells the node its role, without a script.
global_defs {
    vrrp_notify_fifo ${FIFO}
}
`;
  return virtualAddresses.length === 0 ? head : head + instanceBlock(wishes, virtualAddresses, node);
}

function instanceBlock(
  { instance, routerId }: Pair['wishes'],
  addresses: readonly VirtualAddress[],
  { isPeer }: PairNode,
): string {
  const [first] = addresses;
  const isAlike = ({ address }: VirtualAddress) => address.includes(':') === first!.address.includes(':');
  const others = [...new Set(addresses.map((each) => each.interface))].filter(
    (name) => name !== first!.interface,
  );
  return `
vrrp_instance ${instance} {
    state BACKUP
    interface ${first!.interface}
    virtual_router_id ${routerId}
    priority ${isPeer ? 100 : 150}
    advert_int 1
${addressBlock('virtual_ipaddress', addresses.filter(isAlike))}${addressBlock(
  // An advertisement has addresses of one family.
  'virtual_ipaddress_excluded',
  addresses.filter((each) => !isAlike(each)),
)}${block('track_interface', others)}}
`;
}

function addressBlock(word: string, addresses: readonly VirtualAddress[]): string {
  return block(
    word,
    addresses.map(({ address, prefixLength, interface: name }) => `${address}/${prefixLength} dev ${name}`),
  );
}

function block(word: string, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  return `    ${word} {\n${lines.map((line) => `        ${line}\n`).join('')}    }\n`;
}
