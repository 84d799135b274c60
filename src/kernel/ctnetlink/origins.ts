import { Origin } from '../../flow/change.ts';

/** Maps the netlink port in an event, that of the requesting socket, to the origin of the change. */
export class Origins {
  private readonly commits: number[] = [];
  private readonly injections: number[] = [];

  /** Adds a port (u32) from which requests of this origin are sent. */
  add(origin: Origin, port: number): void {
    if (origin === Origin.COMMIT) this.commits.push(port);
    if (origin === Origin.INJECT) this.injections.push(port);
  }

  /** @param port 0 for the kernel itself */
  of(port: number): Origin {
    if (port === 0) return Origin.OTHER;
    if (this.commits.includes(port)) return Origin.COMMIT;
    return this.injections.includes(port) ? Origin.INJECT : Origin.OTHER;
  }
}
