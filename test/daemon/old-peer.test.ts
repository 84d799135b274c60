import { describe, expect, it } from 'vitest';
import { C_DEFAULTS, CNode } from '../../sim/c-node/node.ts';
import { LITTLE_ENDIAN } from '../../src/bytes/endian.ts';
import { Request } from '../../src/control/codes.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { Status } from '../../src/flow/status.ts';
import { MemoryKernel } from '../../src/kernel/memory/memory-kernel.ts';
import { peerVersion } from '../../src/sync/dialect/peer-version.ts';
import { flow } from '../table/records.ts';
import { pass, type Station, soon, watchedStations } from './station.ts';

const station = watchedStations();

/** The address that flow `n` is translated to: it makes sense in one byte order alone. */
function addressOf(n: number): string {
  return `203.0.113.${240 + n}`;
}

/** What flow `n` has beside its tuple: its source is translated. */
function translated(n: number): Partial<Flow> {
  return {
    status: Status.CONFIRMED | Status.SEEN_REPLY | Status.SRC_NAT | Status.SRC_NAT_DONE,
    sourceNat: { address: addressOf(n) },
  };
}

/** The model of conntrackd 1.4.6 at the other end of a station's link. */
class OldPeer {
  readonly kernel = new MemoryKernel({ timeout: false, windowScale: false });
  readonly node: CNode;
  private readonly station: Station;

  constructor(ours: Station) {
    this.station = ours;
    const options = { ...C_DEFAULTS, commitTimeout: 600, oldWire: true };
    this.node = new CNode(this.kernel, options, 1_000_000, () => 0.5, performance.now());
    this.node.start(performance.now());
    ours.wire = (datagram) => {
      this.node.receive(datagram, 0, datagram.length, performance.now());
      setImmediate(() => this.turn());
    };
  }

  turn(): void {
    const now = performance.now();
    if (this.node.nextTimeout() <= now) this.node.handleTimeout(now);
    while (this.node.readEvents(now));
    this.node.transmit((bytes, length) => {
      const datagram = bytes.slice(0, length);
      setImmediate(() => this.station.receiveDatagram(datagram));
    }, now);
  }

  async passes(seconds: number): Promise<void> {
    for (let n = 0; n < 4 * seconds; n++) {
      await pass(0.25);
      this.turn();
    }
  }
}

/** Where the answers to flow `n` go to in this kernel. */
function answeredAt(kernel: MemoryKernel, n: number): string | undefined {
  return kernel.lookup(flow(n).original)?.reply?.destination;
}

describe.skipIf(!LITTLE_ENDIAN)('beside a node of 1.4.6', () => {
  it.each([
    ['the settings name it', '1.4.6'],
    ['it is recognised', undefined],
  ])('flows are translated to the same address on both sides after a failover: %s', async (_, version) => {
    const ours = station({
      peer: { version: version === undefined ? undefined : peerVersion(version), labels: true },
    });
    for (let n = 0; n < 3; n++) ours.begins(n, translated(n));
    await ours.start();
    const old = new OldPeer(ours);
    for (let n = 10; n < 14; n++) old.kernel.originate(flow(n, translated(n)), 600);
    for (let n = 3; n < 6; n++) ours.begins(n, translated(n));
    old.turn();
    await old.passes(5);
    await Promise.all([ours.commands.commit('all'), soon()]);
    old.node.command(Request.COMMIT_ALL, performance.now());
    for (let n = 10; n < 14; n++) expect(answeredAt(ours.kernel, n)).toBe(addressOf(n));
    for (let n = 3; n < 6; n++) expect(answeredAt(old.kernel, n)).toBe(addressOf(n));
    const recognised = ours.logged().filter((line) => line.includes('1.4.6 or older'));
    expect(recognised.length).toBe(version === undefined ? 1 : 0);
  });

  it('a flow in a zone is never committed into zone 0', async () => {
    const ours = await station({ peer: { version: peerVersion('1.4.6'), labels: true } }).start();
    const old = new OldPeer(ours);
    ours.begins(1, { zone: 4 });
    ours.begins(2);
    await old.passes(3);
    old.node.command(Request.COMMIT_ALL, performance.now());
    expect(old.kernel.lookup(flow(1).original)).toBeUndefined();
    expect(old.kernel.lookup(flow(2).original)).toBeDefined();
    expect(ours.node.dialect.counters.zonesUnknown).toBeGreaterThan(0);
  });
});
