import type { GeneralConfig } from '../../config/config.ts';
import { Ctnetlink, type CtnetlinkOptions } from '../../kernel/ctnetlink/ctnetlink.ts';
import { compileEventFilter } from '../../kernel/ctnetlink/event-filter.ts';
import type { Log } from '../process/log.ts';

/** The kernel's options that depend on the mode, not on the General clause. */
export type ModeOptions = Pick<
  CtnetlinkOptions,
  'timeout' | 'windowScale' | 'expectations' | 'labels' | 'fastPaths' | 'echoes' | 'commits'
>;

/**
 * Opens the kernel's table with the settings of the General clause: buffer size, reliable events, filter in the kernel. If the kernel
 * refuses the filter, user space alone filters; it does so beside the kernel in any case.
 * @throws KernelError
 */
export function openKernel(
  { netlink, filter, pollSeconds }: GeneralConfig,
  mode: ModeOptions,
  log: Log,
): Ctnetlink {
  const { bufferSize, bufferSizeMaxGrowth, eventsReliable } = netlink;
  const sized = bufferSize > 0 && bufferSize <= bufferSizeMaxGrowth;
  const options: CtnetlinkOptions = {
    ...mode,
    ...(sized ? { eventBuffer: bufferSize } : {}),
    reliableEvents: eventsReliable,
    events: pollSeconds === undefined,
  };
  if (eventsReliable) log.notice('reliable ctnetlink event delivery is ENABLED.');
  const kernel = filter?.from === 'kernelspace' ? openFiltered(options, filter, log) : new Ctnetlink(options);
  if (filter?.from === 'userspace') log.notice('using user-space event filtering');
  if (!sized && pollSeconds === undefined) {
    log.notice(
      'NetlinkBufferSize is either not set or is greater than NetlinkBufferSizeMaxGrowth. Using current system buffer size',
    );
  }
  if (pollSeconds === undefined) {
    log.notice(`netlink event socket buffer size has been set to ${kernel.eventBufferSize} bytes`, {
      event: 'event_buffer',
      buffer_bytes: kernel.eventBufferSize,
    });
    if (sized && kernel.eventBufferSize < bufferSize) {
      log.warning(
        `NetlinkBufferSize is ${kernel.eventBufferSize} bytes, not ${bufferSize}: run with CAP_NET_ADMIN or raise net.core.rmem_max`,
        {
          event: 'event_buffer_limited',
          buffer_bytes: kernel.eventBufferSize,
          configured_bytes: bufferSize,
        },
      );
    }
  }
  return kernel;
}

function openFiltered(
  options: CtnetlinkOptions,
  filter: NonNullable<GeneralConfig['filter']>,
  log: Log,
): Ctnetlink {
  try {
    const kernel = new Ctnetlink({ ...options, eventFilter: compileEventFilter(filter) });
    log.notice('using kernel-space event filtering');
    return kernel;
  } catch (error) {
    const kernel = new Ctnetlink(options);
    log.error(`cannot set event filtering: ${(error as Error).message}; using user-space event filtering`);
    return kernel;
  }
}
