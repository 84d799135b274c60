import type { HelperInstance } from '../../config/config.ts';
import type { HelperStatistics, HelpersStatistics } from '../../control/helpers.ts';
import type { Expectation } from '../../flow/expectation.ts';
import { Status } from '../../flow/status.ts';
import type { ExpectedFlow, HelperProtocol, PayloadRewrite } from '../../helper/protocol.ts';
import { packetLayout, rewritePacket, tcpFields } from '../../kernel/userspace-helper/ip-packet.ts';
import { Verdict } from '../../kernel/userspace-helper/numbers.ts';
import type { PacketVerdict } from '../../kernel/userspace-helper/queue-messages.ts';
import type { QueuedFlow, QueuedPacket } from '../../kernel/userspace-helper/queued-packet.ts';
import { Errno } from '../../system/errno.ts';
import { FlowStates } from './flow-states.ts';

/** Flows whose state is kept at most. */
const FLOWS_MAX = 65_536;
/** Ports tried for a translated flow at most: each is a request to the kernel, and others wait. */
const PORTS_MAX = 128;

/** A helper of the configuration and the protocol that it speaks. */
export interface ConfiguredHelper {
  readonly instance: HelperInstance;
  readonly protocol: HelperProtocol;
}

/** What the service needs of the kernel. */
export interface HelperKernel {
  /** Creates an expectation of a flow in the kernel's table; the errno with which it is refused, or 0. */
  createExpectation(expectation: Expectation, zone: number | undefined): number;
  deleteExpectation(expectation: Expectation, zone: number | undefined): void;
  decide(packet: QueuedPacket, verdict: PacketVerdict): void;
  readonly queueCounters: {
    readonly received: number;
    readonly malformed: number;
    readonly verdictsFailed: number;
  };
}

class Counters {
  packets = 0;
  dropped = 0;
  rewritten = 0;
  expectations = 0;
  expectationsRefused = 0;
  failed = 0;
}

interface RunningHelper extends ConfiguredHelper {
  readonly counters: Counters;
}

/** What the protocol's answer comes to once the kernel was asked. */
interface Outcome {
  readonly verdict: 'accept' | 'drop';
  readonly rewrites: readonly PayloadRewrite[];
  /** Expectations of a flow that is not in the kernel's table before its packet has a verdict. */
  readonly postponed: readonly Expectation[];
}

const ACCEPT: PacketVerdict = { verdict: Verdict.ACCEPT };

/**
 * Shows each queued packet to its helper, creates what the helper expects, and sends the packet on. A packet that cannot be
 * inspected goes on as it is, and so does one at which a helper fails.
 */
export class HelperService {
  private readonly kernel: HelperKernel;
  private readonly helpers: readonly RunningHelper[];
  private readonly states = new FlowStates(FLOWS_MAX);
  private readonly onFailure: (helper: HelperInstance, error: unknown) => void;
  private passed = 0;

  /** @param onFailure is told of each packet at which a helper failed */
  constructor(
    kernel: HelperKernel,
    helpers: readonly ConfiguredHelper[],
    onFailure: (helper: HelperInstance, error: unknown) => void,
  ) {
    this.kernel = kernel;
    this.helpers = helpers.map((helper) => ({ ...helper, counters: new Counters() }));
    this.onFailure = onFailure;
  }

  get statistics(): HelpersStatistics {
    const { received, malformed, verdictsFailed } = this.kernel.queueCounters;
    return {
      helpers: this.helpers.map(helperStatistics),
      packets: received,
      passed: this.passed,
      malformed,
      verdictsFailed,
      flows: this.states.size,
      flowsForgotten: this.states.forgotten,
    };
  }

  /** Gives the packet its verdict. */
  handlePacket(packet: QueuedPacket): void {
    const { flow } = packet;
    const helper = flow && this.helperOf(packet.queueNum, flow);
    if (flow === undefined || helper === undefined) {
      this.passed++;
      this.kernel.decide(packet, ACCEPT);
      return;
    }
    let verdict: PacketVerdict;
    let postponed: readonly Expectation[] = [];
    try {
      [verdict, postponed] = this.inspect(helper, packet, flow);
    } catch (error) {
      helper.counters.failed++;
      this.onFailure(helper.instance, error);
      verdict = ACCEPT;
    }
    if (verdict.verdict === Verdict.DROP) helper.counters.dropped++;
    if (verdict.packet !== undefined) helper.counters.rewritten++;
    this.kernel.decide(packet, verdict);
    // The flow is in the table now.
    for (const expectation of postponed) this.create(helper, expectation, flow.zone);
  }

  private helperOf(queueNum: number, { helper, original }: QueuedFlow): RunningHelper | undefined {
    return this.helpers.find(
      ({ instance, protocol }) =>
        instance.queueNum === queueNum &&
        instance.name === helper &&
        instance.family === original.family &&
        protocol.transport === instance.transport,
    );
  }

  /** The verdict, and what is to be expected once the kernel has it. */
  private inspect(
    helper: RunningHelper,
    queued: QueuedPacket,
    flow: QueuedFlow,
  ): [PacketVerdict, readonly Expectation[]] {
    const { packet, direction, isEstablished } = queued;
    const layout = packetLayout(packet);
    if (layout === undefined || layout.protocol !== flow.original.protocol) {
      this.passed++;
      return [ACCEPT, []];
    }
    helper.counters.packets++;
    const { protocol } = helper;
    const state = this.states.of(flow, () => protocol.newState());
    const payload = packet.subarray(layout.payloadAt, layout.end);
    const tcp = helper.instance.transport === 'tcp' ? { tcp: tcpFields(packet, layout) } : {};
    const inspection = protocol.inspect({ payload, direction, isEstablished, ...tcp }, flow, state);
    if (inspection.verdict === 'drop') return [{ verdict: Verdict.DROP }, []];
    const outcome = this.expect(helper, flow, inspection.expected);
    if (outcome.verdict === 'drop') return [{ verdict: Verdict.DROP }, []];
    const [first, ...others] = outcome.postponed;
    if (first !== undefined) helper.counters.expectations++;
    const expectation = first === undefined ? {} : { expectation: first };
    if (outcome.rewrites.length === 0) return [{ verdict: Verdict.ACCEPT, ...expectation }, others];
    const rewritten = rewritePacket(packet, layout, outcome.rewrites);
    if (rewritten === undefined) return [{ verdict: Verdict.DROP }, []];
    return [{ verdict: Verdict.ACCEPT, packet: rewritten, ...expectation }, others];
  }

  /** Asks the kernel for the expectations of a packet; what it has not got by then is in `postponed`. */
  private expect(helper: RunningHelper, flow: QueuedFlow, expected: readonly ExpectedFlow[]): Outcome {
    const isConfirmed = (flow.status & Status.CONFIRMED) !== 0;
    const rewrites: PayloadRewrite[] = [];
    const postponed: Expectation[] = [];
    const created: Expectation[] = [];
    for (const { expectation, nat } of expected) {
      if (!isConfirmed) {
        postponed.push(nat === undefined ? expectation : nat.expectation(nat.firstPort));
        if (nat !== undefined) rewrites.push(nat.rewrite(nat.firstPort));
        continue;
      }
      const port = nat === undefined ? undefined : this.reserve(helper, flow, nat, created);
      const isExpected =
        nat === undefined ? this.createAnd(created, helper, expectation, flow.zone) : port !== undefined;
      if (!isExpected) {
        // What the packet announces would not get through: its sender is to send it again.
        for (const other of created) this.kernel.deleteExpectation(other, flow.zone);
        return { verdict: 'drop', rewrites: [], postponed: [] };
      }
      if (nat !== undefined && port !== undefined) rewrites.push(nat.rewrite(port));
    }
    return { verdict: 'accept', rewrites, postponed };
  }

  /** The first port from `firstPort` on that the kernel takes; undefined if there is none among those tried. */
  private reserve(
    helper: RunningHelper,
    flow: QueuedFlow,
    nat: NonNullable<ExpectedFlow['nat']>,
    created: Expectation[],
  ): number | undefined {
    const last = Math.min(0xffff, nat.firstPort + PORTS_MAX - 1);
    for (let port = nat.firstPort; port <= last; port++) {
      const expectation = nat.expectation(port);
      const errno = this.kernel.createExpectation(expectation, flow.zone);
      if (errno === 0) {
        helper.counters.expectations++;
        created.push(expectation);
        return port;
      }
      if (errno !== Errno.EBUSY) break;
    }
    helper.counters.expectationsRefused++;
    return undefined;
  }

  private createAnd(
    created: Expectation[],
    helper: RunningHelper,
    expectation: Expectation,
    zone: number | undefined,
  ): boolean {
    if (!this.create(helper, expectation, zone)) return false;
    created.push(expectation);
    return true;
  }

  private create(helper: RunningHelper, expectation: Expectation, zone: number | undefined): boolean {
    const isTaken = this.kernel.createExpectation(expectation, zone) === 0;
    if (isTaken) helper.counters.expectations++;
    else helper.counters.expectationsRefused++;
    return isTaken;
  }
}

function helperStatistics({ instance, counters }: RunningHelper): HelperStatistics {
  const { name, family, transport, queueNum } = instance;
  return { name, family: family === 4 ? 'inet' : 'inet6', transport, queueNum, ...counters };
}
