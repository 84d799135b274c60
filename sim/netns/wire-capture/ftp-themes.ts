import { ADDRESSES } from '../lab.ts';
import { openTcpConnection, startEchoServer } from '../traffic.ts';
import type { Recorder, Theme } from './recorder.ts';
import { freshPort, noTrack } from './theme-parts.ts';

/** One FTP session through source NAT, active and passive. The server echoes, so it also sends what the client sends. */
async function ftpSession(recorder: Recorder, family: 4 | 6): Promise<void> {
  const { lab } = recorder;
  const inside = ADDRESSES.client[`v${family}`];
  const outside = ADDRESSES.server[`v${family}`];
  const active = (port: number) =>
    family === 4
      ? `PORT ${inside.replaceAll('.', ',')},${port >> 8},${port & 255}`
      : `EPRT |2|${inside}|${port}|`;
  const passive =
    family === 4
      ? `227 Entering Passive Mode (${outside.replaceAll('.', ',')},156,65)`
      : '229 Entering Extended Passive Mode (|||40001|)';
  const begin = async () => {
    const control = await lab.connect({ family, port: 21, localPort: freshPort() });
    // The kernel's helper ignores everything before the first end of a line.
    await control.say('USER anonymous');
    await recorder.peer.settle();
    return control;
  };

  let control = await begin();
  await recorder.must(`active${family}`, `${active(50_001)}`, () => control.say(active(50_001)));
  await recorder.must(`active${family}-data`, 'the server connects to the client, as expected', async () => {
    const data = await openTcpConnection({
      client: lab.server,
      server: lab.client,
      address: ADDRESSES.outsideVirtual[`v${family}`],
      port: 50_001,
    });
    await data.exchange();
    await data.close();
  });
  await recorder.must(`active${family}-again`, `${active(50_003)}`, () => control.say(active(50_003)));
  // The kernel reports shifted sequence numbers in a dump, not when the helper shifts them.
  await recorder.must(`active${family}-bulk`, 'conntrackd -R, -B', async () => {
    await lab.a.node().command('-R');
    await lab.a.node().command('-B');
  });
  await recorder.must(`active${family}-gone`, 'conntrack -D of the control connection', () =>
    lab.a.conntrack('-D', '-f', `ipv${family}`, '-p', 'tcp', '--dport', '21'),
  );
  await control.close();
  await recorder.peer.settle();

  control = await begin();
  await recorder.must(`passive${family}`, passive, () => control.say(passive));
  await recorder.must(`passive${family}-data`, 'the client connects to the server, as expected', async () => {
    const data = await lab.connect({ family, port: 40_001, localPort: freshPort() });
    await data.exchange();
    await data.close();
  });
  await recorder.must(`passive${family}-closed`, 'the control connection is closed', () => control.close());
  await lab.a.conntrack('-D', '-f', `ipv${family}`, '-p', 'tcp', '--dport', '21');
  await recorder.peer.settle();
}

export const ftp: Theme = {
  name: 'ftp',
  configuration: noTrack(['ExpectationSync On', 'TCPWindowTracking On'], ['CommitTimeout 180']),
  options: 'Mode NOTRACK { CommitTimeout 180 }, Options { ExpectationSync On, TCPWindowTracking On }',
  async work(recorder) {
    await startEchoServer(recorder.lab.client, [50_001]);
    await startEchoServer(recorder.lab.server, [40_001]);
    await ftpSession(recorder, 4);
    await ftpSession(recorder, 6);
  },
};

export const ftpTimeouts: Theme = {
  name: 'ftp-timeouts',
  configuration: noTrack(['ExpectationSync On']),
  options: 'Mode NOTRACK, no CommitTimeout, Options { ExpectationSync On }',
  async work(recorder) {
    await startEchoServer(recorder.lab.client, [50_001]);
    await startEchoServer(recorder.lab.server, [40_001]);
    await ftpSession(recorder, 4);
  },
};
