import type { Random } from '../random.ts';
import type { Host } from './host.ts';
import type { ClusterOptions } from './options.ts';
import type { Traffic } from './traffic.ts';
import type { World } from './world.ts';

/** Milliseconds between two checks for flows that have timed out. */
const KERNEL_TICK_MS = 100;

/** When packets come through the firewalls. While they do, their kernels' time passes. */
export class PacketClock {
  /** Packets that changed a kernel's table. */
  packets = 0;
  private readonly world: World;
  private readonly random: Random;
  private readonly options: ClusterOptions;
  private readonly traffic: readonly Traffic[];
  private readonly hosts: readonly Host[];
  private runs = false;

  constructor(
    world: World,
    random: Random,
    options: ClusterOptions,
    traffic: readonly Traffic[],
    hosts: readonly Host[],
  ) {
    this.world = world;
    this.random = random;
    this.options = options;
    this.traffic = traffic;
    this.hosts = hosts;
  }

  start(): void {
    this.runs = true;
    for (const host of this.options.active) this.schedulePackets(host);
    this.scheduleKernelTime();
  }

  /** From now on no flow times out. */
  stop(): void {
    this.runs = false;
  }

  private schedulePackets(host: number): void {
    const { rate, together: mean } = this.options;
    const wait = this.random.exponential((1000 * mean) / rate);
    this.world.at(this.world.now + wait, () => {
      if (!this.runs) return;
      const { kernel, isOn } = this.hosts[host]!;
      const together = this.random.between(1, 2 * mean - 1);
      kernel.advance(this.world.now);
      if (isOn) {
        this.traffic[host]!.packets(kernel, together);
        this.packets += together;
      }
      this.schedulePackets(host);
    });
  }

  private scheduleKernelTime(): void {
    this.world.at(this.world.now + KERNEL_TICK_MS, () => {
      if (!this.runs) return;
      for (const { kernel } of this.hosts) kernel.advance(this.world.now);
      this.scheduleKernelTime();
    });
  }
}
