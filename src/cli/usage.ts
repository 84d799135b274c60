import { VERSION } from '../control/version.ts';

/** The C program's usage to the character, but for its version: scripts read it. `program` is what it was called as. */
export function usageText(program: string): string {
  return `Connection tracking userspace daemon v${VERSION}
Usage: ${program} [commands] [options]

General commands:
  -d, run in daemon mode
  -C [configfile], configuration file path
  -v, display conntrackd version
  -h, display this help information

Client mode commands:
  -c [ct|expect], commit external cache to conntrack table
  -f [internal|external], flush internal and external cache
  -F [ct|expect], flush kernel conntrack table
  -i [ct|expect], display content of the internal cache
  -e [ct|expect], display the content of the external cache
  -k, kill conntrack daemon
  -s  [network|cache|runtime|link|rsqueue|queue|ct|expect], dump statistics
  -R [ct|expect], resync with kernel conntrack table
  -n, request resync with other node (only FT-FW and NOTRACK modes)
  -B, force a bulk send to other replica firewalls
  -x, dump cache in XML format (requires -i or -e)
  -t, reset the kernel timeout (see PurgeTimeout clause)

`;
}

/** The usage, and what we have beyond the C program. */
export function helpText(program: string): string {
  return `${usageText(program)}Further commands:
  decode [--json] [--port N] FILE...|--interface NAME, print the messages in captures (pcap, pcapng), or on an interface as they come
  status [-C FILE] [--json] [--watch], whether all is well, in one screen; exit code 0, 1 (a warning), 2 (a problem)
  doctor [-C FILE] [--for TIME] [--peer FILE] [--json], what is wrong, the worst first, and the commands that mend it
  genkey, print a random key for key_file in the settings file
  init [OPTION]..., make the configuration of both nodes of a pair, and of keepalived
  metrics [-C FILE] [--top N], print the kernel's and the daemon's metrics as Prometheus reads them
  role [primary|backup|fault] [-C FILE] [--json], show the node's role in a failover, or change it
  list [FILTER], flows of the kernel or of a cache
  top [FILTER], the largest groups of flows, live
  stats, counters of the kernel's connection tracking
  events [FILTER], the kernel's events about flows as they come
  delete FILTER, delete flows from the kernel's table
  --json, statistics (-s) or a dump (-i, -e) as JSON; after -c what the commit came to, with exit code 1 if not all was committed
  --in-sync, with -s: whether the node has all that its peers have, as exit code: 0 if it has, else 1 and why
  --version, display the version alone
  --help, display this help information; behind a command, about the command

`;
}

/** The C program's version text, with our version and copyright. */
export function versionText(): string {
  return `Connection tracking userspace daemon v${VERSION}. Licensed under GPLv2.
(C) 2026 the authors of conntrackd-ts
`;
}
