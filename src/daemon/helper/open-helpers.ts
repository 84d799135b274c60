import type { HelperConfig, HelperInstance } from '../../config/config.ts';
import { findProtocol } from '../../helper/protocols.ts';
import { KernelError } from '../../kernel/kernel.ts';
import { createExpectation, deleteExpectation } from '../../kernel/userspace-helper/expectation-requests.ts';
import { PacketQueues } from '../../kernel/userspace-helper/packet-queues.ts';
import { NetfilterRequests, NoHelpersError } from '../../kernel/userspace-helper/requests.ts';
import {
  describeHelper,
  isSameHelper,
  UserspaceHelpers,
} from '../../kernel/userspace-helper/userspace-helpers.ts';
import type { HelperSettings } from '../../settings/settings.ts';
import { Errno } from '../../system/errno.ts';
import { libc } from '../../system/libc.ts';
import { CleanupStack } from '../process/cleanup-stack.ts';
import type { Log } from '../process/log.ts';
import { FailureLog } from './failure-log.ts';
import { type ConfiguredHelper, HelperService } from './helper-service.ts';
import { HelperSetup } from './helper-setup.ts';
import { startSurvivor } from './survivor.ts';

/** The helpers of the Helper clause: their queues are taken, and packets come after `start`. */
export interface OpenHelpers {
  readonly service: HelperService;
  /** Enables the helpers in the kernel. @throws KernelError */
  start(): void;
}

/**
 * Takes the packet queues of the Helper clause.
 * @param now milliseconds of a clock that never goes back
 * @returns undefined where the kernel has no helpers in user space and the settings say that the daemon goes on then
 * @throws KernelError; with nothing left behind
 */
export async function openHelpers(
  config: HelperConfig,
  settings: HelperSettings,
  log: Log,
  opened: CleanupStack,
  now: () => number,
): Promise<OpenHelpers | undefined> {
  const own = new CleanupStack();
  try {
    const helpers = open(config, log, own, now);
    opened.add(() => own.close());
    return helpers;
  } catch (error) {
    await own.close();
    if (!isForWantOfHelpers(error) || !settings.optional) throw error;
    log.warning(`${error.message}; going on without the Helper clause, as [helper] in the settings says`, {
      event: 'helpers_missing',
      reason: error.message,
    });
    return undefined;
  }
}

/** A kernel may lack helpers in user space, packet queues, or all of netfilter's netlink. */
function isForWantOfHelpers(error: unknown): error is KernelError {
  return (
    error instanceof NoHelpersError || (error instanceof KernelError && error.errno === Errno.EPROTONOSUPPORT)
  );
}

function open(config: HelperConfig, log: Log, opened: CleanupStack, now: () => number): OpenHelpers {
  const helpers = configuredHelpers(config);
  const requests = new NetfilterRequests(libc());
  opened.add(() => requests.close());
  const kernel = new UserspaceHelpers(requests);
  // Tells what the kernel lacks before anything is changed.
  kernel.list();
  const queues = new PacketQueues(libc());
  opened.add(() => queues.close());
  for (const [queueNum, length] of queueLengths(helpers)) queues.bind(queueNum, length);

  const failures = new FailureLog(log, now);
  const service = new HelperService(
    {
      createExpectation: (expectation, zone) => createExpectation(requests, expectation, zone),
      deleteExpectation: (expectation, zone) => void deleteExpectation(requests, expectation, zone),
      decide: (packet, verdict) => queues.decide(packet, verdict),
      queueCounters: queues.counters,
    },
    helpers,
    (helper, error) => failures.note(describeHelper(helper), error),
  );
  queues.watchPackets((packet) => service.handlePacket(packet));
  return {
    service,
    start: () =>
      enable(new HelperSetup(kernel, (queueNum) => queues.isTaken(queueNum)), helpers, log, opened),
  };
}

function enable(
  setup: HelperSetup,
  helpers: readonly ConfiguredHelper[],
  log: Log,
  opened: CleanupStack,
): void {
  for (const { instance } of helpers) {
    const { name, queueNum, queueLen, policy } = instance;
    log.notice(`configuring helper \`${name}' with queuenum=${queueNum} and queuelen=${queueLen}`);
    log.notice(
      `policy name=${policy.name} expect_timeout=${policy.expectTimeout} expect_max=${policy.expectMax}`,
    );
  }
  setup.enable(helpers.map(({ instance, protocol }) => ({ instance, privateBytes: protocol.privateBytes })));
  const survivor = startSurvivor(
    helpers.map(({ instance }) => instance),
    (error) => log.warning(`no process that disables the helpers if this one is killed: ${error.message}`),
  );
  // Also when the process ends by an error of its own: what stays enabled harms the traffic of its helper.
  const atExit = (): void => void setup.putBack();
  process.once('exit', atExit);
  opened.add(() => {
    process.removeListener('exit', atExit);
    for (const trouble of setup.putBack()) log.error(trouble);
    survivor.dismiss();
  });
  for (const { instance } of helpers) {
    log.notice(`helper \`${instance.name}' configured successfully`, {
      event: 'helper_configured',
      helper: instance.name,
      queue: instance.queueNum,
    });
  }
}

/** Each helper with its protocol. Of two clauses about the same helper the later one holds, as in C. */
function configuredHelpers({ helpers }: HelperConfig): ConfiguredHelper[] {
  return helpers
    .filter((instance, index) => !helpers.slice(index + 1).some((later) => isSameHelper(later, instance)))
    .map((instance) => ({ instance, protocol: protocolOf(instance) }));
}

function protocolOf(instance: HelperInstance): ConfiguredHelper['protocol'] {
  const protocol = findProtocol(instance.name, instance.transport);
  // The configuration's names are those of the protocols.
  if (protocol === undefined) throw new Error(`${describeHelper(instance)}: unknown`);
  return protocol;
}

/** The length of each queue: of several for the same one the largest; 0 stands for the kernel's default. */
function queueLengths(helpers: readonly ConfiguredHelper[]): Map<number, number> {
  const lengths = new Map<number, number>();
  for (const { instance } of helpers) {
    const { queueNum, queueLen } = instance;
    lengths.set(queueNum, Math.max(lengths.get(queueNum) ?? 0, queueLen));
  }
  return lengths;
}
