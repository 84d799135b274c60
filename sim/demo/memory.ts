import { tableLines } from '../../src/daemon/common/table-lines.ts';
import { Log } from '../../src/daemon/process/log.ts';
import { internalFlows } from '../../src/daemon/sync/cache-dump.ts';
import { NodeCommands } from '../../src/daemon/sync/node-commands.ts';
import { SyncNode, type SyncNodeOptions } from '../../src/daemon/sync/sync-node.ts';
import { Status } from '../../src/flow/status.ts';
import { flowText } from '../../src/flow/text.ts';
import type { Tuple } from '../../src/flow/tuple.ts';
import { MemoryKernel } from '../../src/kernel/memory/memory-kernel.ts';
import { until } from '../netns/until.ts';
import type { DemoResult, StepPrinter } from './printer.ts';

const ESTABLISHED = 3;
const TIMEOUT_SECONDS = 3600;
const MTU = 1500;

const OPTIONS: SyncNodeOptions = {
  mode: 'ftfw',
  refreshTime: 60,
  cacheTimeout: 180,
  disableInternalCache: false,
  disableExternalCache: false,
  pollSeconds: undefined,
  resendQueueSize: 131_072,
  ackWindowSize: 300,
  commitTimeout: undefined,
  purgeTimeout: 60,
  hashLimit: 262_144,
  tcpWindowTracking: false,
  expectationSync: false,
  filter: undefined,
  eventIterationLimit: 100,
  overrunResync: 30,
  bufferSizeMaxGrowth: 8_388_608,
  hashSeed: 0,
};

/** The client's connection as the client sees it, and as the server does. */
const ORIGINAL: Tuple = {
  family: 4,
  source: '192.168.10.10',
  destination: '203.0.113.10',
  protocol: 6,
  ports: { source: 40_000, destination: 80 },
};
const TRANSLATED = { address: '203.0.113.1', port: 40_000 };
const REPLY: Tuple = {
  family: 4,
  source: ORIGINAL.destination,
  destination: TRANSLATED.address,
  protocol: 6,
  ports: { source: 80, destination: TRANSLATED.port },
};

/** A firewall: a table in memory, the rule "established, or new from the inside", and a node. */
class Firewall {
  readonly kernel = new MemoryKernel({ timeout: true, windowScale: false });
  readonly node: SyncNode;
  readonly commands: NodeCommands;
  private peer: Firewall | undefined;
  private alive = true;

  constructor() {
    const links = {
      payloadLimit: MTU - 28,
      congested: false,
      send: (bytes: Uint8Array, length: number) => this.toPeer(bytes.slice(0, length)),
      flush: () => {},
      markCurrent: () => {},
    };
    this.node = new SyncNode(this.kernel, links, new Log(undefined, undefined, undefined), OPTIONS);
    this.commands = new NodeCommands(this.node);
  }

  async start(peer: Firewall): Promise<void> {
    this.peer = peer;
    await this.node.start(false);
  }

  die(): void {
    this.alive = false;
    this.node.close();
    this.kernel.close();
  }

  /** A SYN from the inside, and the handshake that follows. */
  open(): boolean {
    if (!this.alive) return false;
    const flow = { original: ORIGINAL, sourceNat: TRANSLATED, status: Status.CONFIRMED, tcp: { state: 1 } };
    if (this.kernel.originate(flow, TIMEOUT_SECONDS) !== 0) return false;
    return this.kernel.setState(REPLY, {
      tcp: { state: ESTABLISHED },
      status: Status.SEEN_REPLY | Status.ASSURED,
    });
  }

  /** Whether a packet in the middle of a connection passes. */
  passes(tuple: Tuple): boolean {
    return this.alive && this.kernel.refresh(tuple, TIMEOUT_SECONDS);
  }

  table(): string {
    const { table } = this.node.replica.internal.flows;
    return [...tableLines(table, internalFlows('plain'), () => Math.floor(performance.now() / 1000))].join(
      '',
    );
  }

  private toPeer(datagram: Uint8Array): void {
    setImmediate(() => {
      if (!this.alive || !this.peer?.alive) return;
      this.peer.node.handleDatagram(0, 1, datagram, 0, datagram.length);
      this.peer.node.handleDrained();
    });
  }
}

/** The demo in one process: the same nodes, with tables in memory instead of kernels. */
export async function demoInMemory(output: StepPrinter, missing: readonly string[]): Promise<DemoResult> {
  output.title('In memory');
  output.step(
    `no real kernels here (missing: ${missing.join(', ')}): two nodes in one process, with tables in memory`,
  );
  return {
    survived: await runFailover(output, true),
    survivedWithoutCommit: await runFailover(output, false),
  };
}

async function runFailover(output: StepPrinter, commit: boolean): Promise<boolean> {
  output.title(commit ? 'A failover, with the commit' : 'The same again, without the commit');
  const [a, b] = [new Firewall(), new Firewall()];
  try {
    await Promise.all([a.start(b), b.start(a)]);
    output.step('firewalls A and B run conntrackd-ts; FT-FW between them');
    if (!a.open() || !a.passes(ORIGINAL) || !a.passes(REPLY))
      throw new Error('the connection through A does not work');
    output.step('the client talks to the server through A, which translates its address');
    const { caches } = b.node.external;
    await until("B's external cache has the connection", () => caches?.flows.counters.active === 1);
    output.step("A's table and B's external cache have the connection:");
    output.quote(a.table());
    a.die();
    output.step('A dies; B takes the gateway addresses');
    if (commit) {
      await b.commands.commit('all');
      const flow = b.kernel.lookup(ORIGINAL);
      output.step("B commits what it knows; its kernel's table now is:");
      output.quote(flow ? flowText(flow) : '(empty)');
    } else {
      output.step('nobody runs `conntrackd -c`');
    }
    const ok = b.passes(ORIGINAL) && b.passes(REPLY);
    output.step(
      ok
        ? 'the client and the server keep talking'
        : 'the connection is broken: B drops packets of flows that it does not know',
    );
    return ok;
  } finally {
    a.die();
    b.die();
  }
}
