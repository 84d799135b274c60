import { parseArguments } from '../../../src/cli/arguments.ts';
import { ConfigError } from '../../../src/config/error.ts';
import { parseConfig } from '../../../src/config/parse.ts';
import { requestBytes, requestIn } from '../../../src/control/client.ts';
import { isKnownRequest, jsonForm, plainRequest, wantsJson } from '../../../src/control/codes.ts';
import { ensure, type Target } from '../target.ts';

const encoded = (texts: readonly string[]): readonly Uint8Array[] =>
  texts.map((text) => new TextEncoder().encode(text));

const CONFIGURATIONS = encoded([
  `Sync {
  Mode FTFW { ResendQueueSize 131072 PurgeTimeout 60 ACKWindowSize 300 DisableExternalCache off StartupResync yes }
  Multicast Default { IPv4_address 225.0.0.50 Group 3780 IPv4_interface 192.168.100.100 Interface eth2 Checksum on }
  Multicast { IPv6_address ff02::50 Group 3781 Interface eth3 SndSocketBuffer 1249280 RcvSocketBuffer 1249280 }
  Options { TCPWindowTracking off ExpectationSync { ftp h.323 sip } }
}
General {
  Systemd on HashSize 32768 HashLimit 131072 LogFile on Syslog local0 LockFile /var/lock/conntrack.lock
  UNIX { Path /var/run/conntrackd.ctl } # the control socket
  NetlinkBufferSize 2097152 NetlinkOverrunResync 5 Scheduler { Type FIFO Priority 99 } Nice -1
  Filter From Kernelspace {
    Protocol Accept { TCP SCTP ipv6-icmp }
    Address Ignore { IPv4_address 127.0.0.1 IPv6_address ::1 IPv4_address 10.0.0.0/8 IPv6_address fe80::/10 }
    State Accept { ESTABLISHED CLOSED TIME_WAIT CLOSE_WAIT for TCP }
  }
}
`,
  `Sync {
  Mode ALARM { RefreshTime 15 CacheTimeout 180 CommitTimeout 180 }
  UDP { IPv4_address 10.0.0.1 IPv4_Destination_Address 10.0.0.2 Port 3780 Interface eth2 }
  UDP Default { IPv6_address fd00::1 IPv6_Destination_Address fd00::2 Port 3781 Interface eth3 Checksum off }
}
General { UNIX { Path "/tmp/ctl" Backlog 20 } LogFile off EventIterationLimit 100 }
`,
  'Sync { Mode NOTRACK { DisableInternalCache on } TCP { IPv4_address 10.0.0.1 IPv4_Destination_Address 10.0.0.2 Port 3780 Interface eth2 ErrorQueueLength 9 } }\nGeneral { UNIX { Path /tmp/c } }\n',
  'Stats { LogFile /var/log/stats.log Syslog daemon }\nGeneral { PollSecs 10 UNIX { Path /tmp/c } }\n',
  'Helper { Setup yes Type ftp inet tcp { QueueNum 0 QueueLen 10 Policy ftp { ExpectMax 1 ExpectTimeout 300 } } }\n',
]);

/** conntrackd.conf: a configuration or a ConfigError that says where, in one line. */
export class ConfigTarget implements Target {
  readonly name = 'config';
  readonly grammar = 'text';
  readonly weight = 1;
  private readonly decoder = new TextDecoder();

  seeds(): readonly Uint8Array[] {
    return CONFIGURATIONS;
  }

  run(input: Uint8Array, length: number): number {
    const text = this.decoder.decode(input.slice(0, length));
    try {
      parseConfig(text, 'fuzz.conf');
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const { line, column, message } = error;
      const lines = text.split('\n');
      const isThere =
        line >= 1 && line <= lines.length && column >= 1 && column <= lines[line - 1]!.length + 1;
      ensure(isThere, () => `an error at line ${line}, column ${column}, which is not there`);
      ensure(!/[\n\r]/.test(message), () => 'an error of several lines');
      ensure(
        message.startsWith(`fuzz.conf:${line}:${column}: `),
        () => `an error without a position: ${message}`,
      );
    }
    return 1;
  }
}

/** A request on the control socket, 4 bytes. */
export class ControlTarget implements Target {
  readonly name = 'control';
  readonly grammar = 'bytes';
  readonly weight = 30;

  seeds(): readonly Uint8Array[] {
    return [0, 16, 21, 28, 48, 0x10000 + 16, 0x10000 + 21, 0x20000, 0x20003, 0x30000, -1].map(requestBytes);
  }

  run(input: Uint8Array, length: number): number {
    if (length < 4) return 0;
    const request = requestIn(input.subarray(0, 4));
    const known = isKnownRequest(request);
    ensure(
      requestIn(requestBytes(request)) === request,
      () => `request ${request} does not survive its encoding`,
    );
    const isC = (request & ~0x10000) >= 0 && (request & ~0x10000) < 49;
    // Ours: the role, and its JSON form.
    const isRole = (request >= 0x20000 && request < 0x20004) || request === 0x30000;
    ensure(!known || isC || isRole, () => `request ${request} is known`);
    const plain = plainRequest(request);
    ensure(
      !wantsJson(request) || (known && jsonForm(plain) === request),
      () => `request ${request} has two forms`,
    );
    ensure(
      known === isKnownRequest(plain) || request === plain,
      () => `request ${request} is known in one form`,
    );
    return 1;
  }
}

const COMMAND_LINES = encoded([
  '-C\u0000/etc/conntrackd/conntrackd.conf\u0000-d',
  '-s\u0000network\u0000--json',
  '-i\u0000expect\u0000-x',
  '-e\u0000-x\u0000-C\u0000x',
  '-c',
  '-f\u0000internal',
  '-F\u0000ct',
  '-R\u0000expect',
  '-B',
  '-t',
  '-k',
  '-n',
  '-v',
  '-V',
  '-h',
  '--version',
  '--help',
  'decode\u0000x.pcap',
  'doctor',
]);

const KINDS = new Set([
  'run',
  'request',
  'usage',
  'help',
  'version',
  'version-number',
  'decode',
  'doctor',
  'refused',
]);

/** The program's arguments, one behind the other with a NUL between. */
export class ArgumentsTarget implements Target {
  readonly name = 'arguments';
  readonly grammar = 'text';
  readonly weight = 20;
  private readonly decoder = new TextDecoder();

  seeds(): readonly Uint8Array[] {
    return COMMAND_LINES;
  }

  run(input: Uint8Array, length: number): number {
    const args = this.decoder.decode(input.slice(0, length)).split('\u0000');
    const { action, warnings } = parseArguments(args);
    ensure(KINDS.has(action.kind), () => `an action ${action.kind}`);
    ensure(Array.isArray(warnings), () => 'no warnings');
    if (action.kind === 'request') {
      const { request } = action;
      ensure(request === -1 || isKnownRequest(request), () => `request ${request}, which no daemon knows`);
    }
    return 1;
  }
}
