import type { Theme } from './recorder.ts';
import { BOTH, freshPort, noTrack, V4, V6 } from './theme-parts.ts';

// Flows that `conntrack` creates, so that the captures cover every attribute and state on purpose.

export const tcp: Theme = {
  name: 'tcp',
  configuration: noTrack([], ['CommitTimeout 180']),
  options: 'Mode NOTRACK { CommitTimeout 180 }',
  async work(recorder) {
    const states = 'SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE LISTEN';
    for (const [family, addresses] of BOTH) {
      for (const state of states.split(' ')) {
        const key = `-p tcp ${addresses} --sport ${freshPort()} --dport 80`;
        const name = `tcp${family}-${state.toLowerCase().replace('_', '-')}`;
        await recorder.life(name, `${key} --state ${state} -t 600`, key);
      }
      const key = `-p tcp ${addresses} --sport ${freshPort()} --dport 80`;
      const make = `${key} --state ESTABLISHED -u SEEN_REPLY,ASSURED -t 600`;
      await recorder.life(`tcp${family}-assured`, make, key, '--state FIN_WAIT');
    }
  },
};

export const protocols: Theme = {
  name: 'protocols',
  configuration: noTrack([], ['CommitTimeout 180']),
  options: 'Mode NOTRACK { CommitTimeout 180 }',
  async work(recorder) {
    const tags = '--orig-vtag 305419896 --reply-vtag 4275878552';
    for (const [family, addresses] of BOTH) {
      for (const protocol of ['udp', 'udplite']) {
        const key = `-p ${protocol} ${addresses} --sport ${freshPort()} --dport 53`;
        await recorder.life(`${protocol}${family}`, `${key} -t 600`, key);
      }
      for (const state of ['COOKIE_WAIT', 'ESTABLISHED', 'SHUTDOWN_SENT']) {
        const key = `-p sctp ${addresses} --sport ${freshPort()} --dport 5060`;
        const name = `sctp${family}-${state.toLowerCase().replace('_', '-')}`;
        await recorder.life(name, `${key} --state ${state} ${tags} -t 600`, key);
      }
      const key = `-p gre ${addresses} --srckey ${freshPort()} --dstkey 2`;
      await recorder.life(`gre${family}`, `${key} -t 600`, key);
    }
    const icmp = `-p icmp ${V4} --icmp-type 8 --icmp-code 0 --icmp-id 4711`;
    await recorder.life('icmp4', `${icmp} -t 600`, icmp);
    const icmpv6 = `-p icmpv6 ${V6} --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 4712`;
    await recorder.life('icmp6', `${icmpv6} -t 600`, icmpv6);
    // Kernels from 6.16 on no longer know DCCP's states: `step`, because they may refuse the flow.
    const dccp = `-I -p dccp ${V4} --sport ${freshPort()} --dport 5001 --state OPEN --role client -t 600`;
    await recorder.step('dccp4', `conntrack ${dccp}`, () =>
      recorder.lab.a.namespace.run('conntrack', dccp.split(' ')),
    );
  },
};

export const nat: Theme = {
  name: 'nat',
  configuration: noTrack([], ['CommitTimeout 180']),
  options: 'Mode NOTRACK { CommitTimeout 180 }',
  async work(recorder) {
    const bracket = (family: string, address: string) => (family === '4' ? address : `[${address}]`);
    for (const [family, addresses] of BOTH) {
      const source = family === '4' ? '203.0.113.1' : '2001:db8:20::1';
      const target = family === '4' ? '192.168.99.9' : 'fd00:99::9';
      const sourcePort = `${bracket(family, source)}:40001`;
      const targetPort = `${bracket(family, target)}:8080`;
      const variants = {
        snat: `-n ${source}`,
        'snat-port': `-n ${sourcePort}`,
        dnat: `-g ${target}`,
        'dnat-port': `-g ${targetPort}`,
        'both-port': `-n ${sourcePort} -g ${targetPort}`,
      };
      for (const [variant, words] of Object.entries(variants)) {
        for (const protocol of ['tcp', 'udp']) {
          const key = `-p ${protocol} ${addresses} --sport ${freshPort()} --dport 80`;
          const state = protocol === 'tcp' ? ' --state ESTABLISHED' : '';
          const make = `${key}${state} -u SEEN_REPLY,ASSURED ${words} -t 600`;
          await recorder.life(`${protocol}${family}-${variant}`, make, key);
        }
      }
    }
    const icmp = `-p icmp ${V4} --icmp-type 8 --icmp-code 0 --icmp-id 4714`;
    await recorder.life('icmp4-snat', `${icmp} -n 203.0.113.1 -t 600`, icmp);
  },
};

export const attributes: Theme = {
  name: 'attributes',
  configuration: noTrack([], ['CommitTimeout 180']),
  options: 'Mode NOTRACK { CommitTimeout 180 }',
  async work(recorder) {
    const mark = `-p tcp ${V4} --sport ${freshPort()} --dport 80`;
    await recorder.life('mark', `${mark} --state ESTABLISHED -m 0xdeadbeef -t 600`, mark, '-m 0x1');
    const fixed = `-p tcp ${V4} --sport ${freshPort()} --dport 80`;
    const fixedStatus = '-u SEEN_REPLY,ASSURED,FIXED_TIMEOUT';
    await recorder.life('fixed-timeout', `${fixed} --state ESTABLISHED ${fixedStatus} -t 600`, fixed);
    for (const [name, zone] of [
      ['zone', 7],
      ['zone-greatest', 65535],
    ] as const) {
      const key = `-p udp ${V6} --sport ${freshPort()} --dport 80 -w ${zone}`;
      const make = `-I ${key} -m 1 -t 600`;
      await recorder.must(name, `conntrack ${make}`, () => recorder.lab.a.conntrack(...make.split(' ')));
      await recorder.must(name, `conntrack -D ${key}`, () =>
        recorder.lab.a.conntrack('-D', ...key.split(' ')),
      );
    }
  },
};

export const timeouts: Theme = {
  name: 'timeouts',
  configuration: noTrack(['TCPWindowTracking On']),
  options: 'Mode NOTRACK, no CommitTimeout, Options { TCPWindowTracking On }',
  async work(recorder) {
    const tcpKey = `-p tcp ${V4} --sport ${freshPort()} --dport 80`;
    await recorder.life('tcp4', `${tcpKey} --state ESTABLISHED -t 432000`, tcpKey, '-t 1234567');
    const udpKey = `-p udp ${V6} --sport ${freshPort()} --dport 53`;
    await recorder.life('udp6', `${udpKey} -t 600`, udpKey, '-t 1');
    const icmp = `-p icmp ${V4} --icmp-type 13 --icmp-code 0 --icmp-id 65535`;
    await recorder.life('icmp4-timestamp', `${icmp} -t 600`, icmp);
  },
};
