import { openSendRing, type SendRing } from '../../../system/io-uring/send-ring.ts';
import type { Libc } from '../../../system/libc.ts';
import { netlinkAddressPort } from '../../../system/socket-address.ts';
import { openAnsweredSocket } from './request-socket.ts';

/** Batches that one queue has at most: while one is being filled, three are under way. */
export const QUEUE_BATCHES = 4;

/**
 * What the queues of one origin use one after the other: a socket of their own, because two batches are never under way on the other
 * one; and the ring in which the kernel finds what to send.
 */
export class QueueSocket {
  readonly fd: number;
  private readonly system: Libc;
  private ring: SendRing | undefined;
  private hasRingFailed = false;

  /** @throws KernelError */
  constructor(system: Libc) {
    this.system = system;
    this.fd = openAnsweredSocket(system);
  }

  /** The socket's netlink port. */
  get port(): number {
    return netlinkAddressPort(this.system.getsockname(this.fd));
  }

  /** The ring, opened if there is none; undefined where it cannot be, is of no use, or has failed. */
  openRing(): SendRing | undefined {
    if (!this.hasRingFailed) this.ring ??= openSendRing(this.system, QUEUE_BATCHES);
    return this.ring;
  }

  /** Gives up a ring that failed, and opens no other: the next commit must not fail in the same way. */
  abandonRing(): void {
    this.hasRingFailed = true;
    this.closeRing();
  }

  private closeRing(): void {
    this.ring?.close();
    this.ring = undefined;
  }

  close(): void {
    this.closeRing();
    this.system.close(this.fd);
  }
}
