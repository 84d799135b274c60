import { ConfirmedRecords } from '../../../sync/confirmed-records.ts';
import type { ResyncRounds } from '../../../sync/ftfw/resync-rounds.ts';
import type { ExternalSinks } from '../../../sync/replica.ts';
import type { Log } from '../../process/log.ts';
import type { ExternalCaches } from '../external-records.ts';

/** The external caches of FT-FW, from which goes what a peer no longer has. */
export class ConfirmedSinks implements ExternalSinks {
  readonly flows: ConfirmedRecords;
  readonly expectations: ConfirmedRecords;
  /** Records dropped because a peer that sent everything did not speak of them. */
  dropped = 0;
  private readonly rounds: ResyncRounds;
  /** Commits under way. */
  private holds = 0;

  constructor({ flows, expectations }: ExternalCaches, rounds: ResyncRounds) {
    this.flows = new ConfirmedRecords(flows, rounds);
    this.expectations = new ConfirmedRecords(expectations, rounds);
    this.rounds = rounds;
  }

  /** A commit begins: until {@link resume} nothing is dropped that it may be about to put into the kernel. */
  suspend(): void {
    this.holds++;
  }

  resume(): void {
    this.holds--;
  }

  /** Whether records of peers found no room. */
  get lacksRoom(): boolean {
    return this.flows.lacksRoom || this.expectations.lacksRoom;
  }

  /** Asks for everything when what found no room may have it now. */
  review(): void {
    const [flows, expectations] = [this.flows.takeRoom(), this.expectations.takeRoom()];
    if (flows || expectations) this.rounds.ask();
  }

  /** Drops what the peers no longer have that have just sent everything. */
  dropDead(log: Log): void {
    const peers = this.rounds.takeComplete();
    if (this.holds > 0) return;
    let flows = 0;
    for (const peer of peers) {
      const isStale = (mark: number): boolean => this.rounds.isStale(mark, peer);
      flows += this.flows.dropStale(isStale);
      this.dropped += this.expectations.dropStale(isStale);
    }
    this.dropped += flows;
    if (flows > 0) {
      log.notice(`${flows} flows dropped that the other node no longer has`, {
        event: 'dead_dropped',
        flows,
      });
    }
  }
}
