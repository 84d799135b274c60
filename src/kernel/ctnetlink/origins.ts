import { Origin } from '../../flow/change.ts';

/** Who brought about what an event tells of, by the netlink port of the socket that asked for it. */
export class Origins {
  private commit = -1;
  private inject = -1;

  /** The requests of this origin come from this port (u32). */
  set(origin: Origin, port: number): void {
    if (origin === Origin.COMMIT) this.commit = port;
    if (origin === Origin.INJECT) this.inject = port;
  }

  /** @param port 0: the kernel itself */
  of(port: number): Origin {
    if (port === this.commit) return Origin.COMMIT;
    return port === this.inject ? Origin.INJECT : Origin.OTHER;
  }
}
