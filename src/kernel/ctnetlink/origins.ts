import { Origin } from '../../flow/change.ts';

/** Maps the netlink port in an event, that of the requesting socket, to the origin of the change. */
export class Origins {
  private commit = -1;
  private inject = -1;

  /** Sets the port (u32) from which requests of this origin are sent. */
  set(origin: Origin, port: number): void {
    if (origin === Origin.COMMIT) this.commit = port;
    if (origin === Origin.INJECT) this.inject = port;
  }

  /** @param port 0 for the kernel itself */
  of(port: number): Origin {
    if (port === this.commit) return Origin.COMMIT;
    return port === this.inject ? Origin.INJECT : Origin.OTHER;
  }
}
