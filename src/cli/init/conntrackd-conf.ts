import type { LinkEnds, Pair, PairNode } from './pair.ts';

const MODE_WORDS = { ftfw: 'FTFW', notrack: 'NOTRACK', alarm: 'ALARM' } as const;

/** As in the examples that come with C. */
const LINK_BUFFER_BYTES = 1249280;

const MIB = 1024 * 1024;

/** A node's conntrackd.conf, which C reads as well. */
export function conntrackdConf(pair: Pair, node: PairNode): string {
  const { wishes, tableLimit } = pair;
  const [least, most] = eventBufferBytes(tableLimit);
  return `# Written by conntrackd-ts init. C's conntrackd reads it as well.

Sync {
    Mode ${MODE_WORDS[wishes.mode]} {
    }
${node.links.map((link, index) => linkBlock(link, wishes.port, node, index === 0 && node.links.length > 1)).join('')}}

General {
    # For a table of ${tableLimit} flows (net.netfilter.nf_conntrack_max). A cache may hold flows that the kernel has ended already.
    HashSize ${powerOfTwoFrom(tableLimit / 4)}
    HashLimit ${tableLimit * 2}

    LogFile /var/log/conntrackd-ts.log
    LockFile /var/lock/conntrackd.lock
    UNIX {
        Path /var/run/conntrackd.ctl
    }

    # In bytes: what the kernel keeps of events that the daemon has not read yet.
    NetlinkBufferSize ${least}
    NetlinkBufferSizeMaxGrowth ${most}

    # Flows that begin or end at the firewall itself are of no use to the other one.
    Filter From Userspace {
        Address Ignore {
            IPv4_address 127.0.0.1
            IPv6_address ::1
${node.ownAddresses.map((address) => `            ${family(address)}_address ${address}\n`).join('')}${node.isPeer ? '            # Add the other addresses of this machine (ip -brief address).\n' : ''}        }
    }
}
`;
}

function linkBlock(
  { interface: name, own, peer }: LinkEnds,
  port: number,
  node: PairNode,
  isDefault: boolean,
): string {
  const word = family(own);
  return `    UDP${isDefault ? ' Default' : ''} {
        ${word}_address ${own}
        ${word}_Destination_Address ${peer}
        Port ${port}
${node.isPeer ? '        # As on the other node; change it where it has another name here.\n' : ''}        Interface ${name}
        SndSocketBuffer ${LINK_BUFFER_BYTES}
        RcvSocketBuffer ${LINK_BUFFER_BYTES}
        Checksum on
    }
`;
}

function family(address: string): 'IPv4' | 'IPv6' {
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

function powerOfTwoFrom(least: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1024, least)));
}

/** Room for events of a hundredth of the table at once, and of a tenth after growing, taking 1 KiB for each. */
function eventBufferBytes(tableLimit: number): readonly [number, number] {
  const bytes = (flows: number) => Math.ceil((flows * 1024) / MIB) * MIB;
  return [
    Math.max(2 * MIB, Math.min(8 * MIB, bytes(tableLimit / 100))),
    Math.max(8 * MIB, Math.min(64 * MIB, bytes(tableLimit / 10))),
  ];
}
