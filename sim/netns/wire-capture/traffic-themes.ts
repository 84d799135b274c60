import { ADDRESSES } from '../lab.ts';
import { startEchoServer } from '../traffic.ts';
import type { Theme } from './recorder.ts';
import { connectOnce, freshPort, noTrack } from './theme-parts.ts';

// With its internal cache a node sends a flow in its state at that time, so the captures do not show quick events one by one.
// Without it each event is a message; the datagram leaves with the next ALIVE.
export const real: Theme = {
  name: 'real',
  configuration: noTrack([], ['CommitTimeout 180', 'DisableInternalCache On']),
  options: 'Mode NOTRACK { CommitTimeout 180 DisableInternalCache On }',
  quiet: 1_300,
  async work(recorder) {
    const { lab } = recorder;
    // Ensures that no flow of an earlier step ends in a later one.
    await lab.a.namespace.sysctl({
      'net.netfilter.nf_conntrack_udp_timeout': 600,
      'net.netfilter.nf_conntrack_udp_timeout_stream': 600,
      'net.netfilter.nf_conntrack_icmp_timeout': 600,
      'net.netfilter.nf_conntrack_icmpv6_timeout': 600,
    });
    for (const family of [4, 6] as const) {
      await recorder.must(`tcp${family}`, 'a connection of the firewall itself, opened and closed', () =>
        connectOnce(lab, 'firewall', family, 7000),
      );
      await recorder.must(`tcp${family}-snat`, 'a connection through source NAT, opened and closed', () =>
        connectOnce(lab, 'client', family, 7000),
      );
      const address = ADDRESSES.server[`v${family}`];
      await recorder.must(`icmp${family}`, `ping -c 1 ${address}`, () =>
        lab.a.namespace.must('ping', ['-c', '1', address]),
      );
      await recorder.must(`icmp${family}-deleted`, 'conntrack -D', () =>
        lab.a.conntrack('-D', '-f', `ipv${family}`, '-p', family === 4 ? 'icmp' : 'icmpv6'),
      );
      await recorder.must(`udp${family}`, 'datagrams each way through source NAT', async () => {
        const flow = await lab.openUdp({ family });
        await flow.exchange();
        await flow.close();
      });
    }
    await lab.a.namespace.nft(REMAPPED_PORT);
    await recorder.must('udp4-port', 'a flow whose source port NAT changes', async () => {
      const flow = await lab.openUdp({ port: 8500, localPort: freshPort() });
      await flow.exchange();
      await flow.close();
    });

    await lab.a.namespace.nft(LABELS);
    await startEchoServer(lab.server, [7100, 7101, 7102, 7103, 7200]);
    for (const [name, port] of [
      ['label-0', 7100],
      ['label-40', 7101],
      ['label-127', 7102],
      ['labels-3-33-126', 7103],
    ] as const) {
      await recorder.must(name, `a connection with these bits set by nft: ${name.replace(/^\w+-/, '')}`, () =>
        connectOnce(lab, 'firewall', 4, port),
      );
    }

    await lab.a.namespace.nft(SYNPROXY);
    await recorder.must('synproxy', 'a connection that nft synproxy has answered for the server', () =>
      connectOnce(lab, 'client', 4, 7200),
    );
  },
};

const REMAPPED_PORT = `
table ip remapped {
  chain translating {
    type nat hook postrouting priority 90; policy accept;
    udp dport 8500 snat to 203.0.113.1:41000-41010
  }
}
`;

const LABELS = `
table inet labels {
  chain labelling {
    type filter hook output priority 0; policy accept;
    tcp dport 7100 ct label set 0
    tcp dport 7101 ct label set 40
    tcp dport 7102 ct label set 127
    tcp dport 7103 ct label set 3
    tcp dport 7103 ct label set 33
    tcp dport 7103 ct label set 126
  }
}
`;

const SYNPROXY = `
table inet proxied {
  chain untracked {
    type filter hook prerouting priority raw; policy accept;
    iifname "in0" tcp dport 7200 tcp flags syn / fin,syn,rst,ack notrack
  }
  chain proxying {
    type filter hook forward priority -10; policy accept;
    tcp dport 7200 ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm
  }
}
`;

export const window: Theme = {
  name: 'window',
  configuration: noTrack(['TCPWindowTracking On'], ['DisableInternalCache On']),
  options: 'Mode NOTRACK { DisableInternalCache On }, no CommitTimeout, Options { TCPWindowTracking On }',
  quiet: 1_300,
  async work(recorder) {
    for (const family of [4, 6] as const) {
      await recorder.must(`tcp${family}`, 'a connection with window scaling in both directions', () =>
        connectOnce(recorder.lab, 'client', family, 7000),
      );
    }
  },
};
