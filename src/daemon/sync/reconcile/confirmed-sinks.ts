import type { Answer, Answers } from '../../../sync/answer.ts';
import { ConfirmedRecords } from '../../../sync/confirmed-records.ts';
import type { ExternalSinks } from '../../../sync/replica.ts';
import type { Log } from '../../process/log.ts';
import type { ExternalCaches } from '../external-records.ts';

/** Fewer records that come again as they were are no evidence of an answer. */
const RESTATED_MIN = 8;

/** The external caches of FT-FW and NOTRACK, from which goes what a peer no longer has. */
export class ConfirmedSinks implements ExternalSinks {
  readonly flows: ConfirmedRecords;
  readonly expectations: ConfirmedRecords;
  /** Records dropped because a peer that sent everything did not speak of them. */
  dropped = 0;
  private readonly answers: Answers;
  /** Records that the last answer without an end brought; all that are there before the first. */
  private expected: number | undefined;
  /** Commits under way. */
  private holds = 0;

  constructor({ flows, expectations }: ExternalCaches, answers: Answers) {
    this.flows = new ConfirmedRecords(flows, answers);
    this.expectations = new ConfirmedRecords(expectations, answers);
    this.answers = answers;
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
    if (flows || expectations) this.answers.noteRoom();
  }

  /** Drops what the peers no longer have that have just sent everything. */
  dropDead(log: Log): void {
    let flows = 0;
    for (const answer of this.answers.takeAnswers()) {
      const isAnswer = answer.ends === 'told' || this.looksLikeAnswer();
      answer.judge(isAnswer);
      if (!isAnswer || answer.ends === 'no') continue;
      // What a commit may be about to put into the kernel stays until the next answer.
      if (this.holds > 0) this.answers.ask();
      else flows += this.drop(answer);
    }
    if (flows > 0) {
      log.notice(`${flows} flows dropped that the other node no longer has`, {
        event: 'dead_dropped',
        flows,
      });
    }
  }

  /** Returns how many flows were dropped. */
  private drop({ isStale }: Answer): number {
    const flows = this.flows.dropStale(isStale);
    this.dropped += flows + this.expectations.dropStale(isStale);
    return flows;
  }

  /**
   * Whether what came since the last request has to be the peer's whole cache, which a C node does not say: at least half of what
   * its last answer brought came again as it was. Events bring what changes.
   */
  private looksLikeAnswer(): boolean {
    const [confirmed, restated] = (['confirmed', 'restated'] as const).map(
      (what) => this.flows.evidence[what] + this.expectations.evidence[what],
    ) as [number, number];
    const expected = this.expected ?? this.flows.size + this.expectations.size;
    this.expected = confirmed;
    return restated >= Math.max(RESTATED_MIN, expected / 2);
  }
}
