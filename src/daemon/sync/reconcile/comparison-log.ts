import type { Comparisons } from '../../../sync/replica.ts';
import type { Log } from '../../process/log.ts';

/** Logs when a peer's digest shows that it has other flows than this node has of it. */
export class ComparisonLog {
  private readonly comparisons: Readonly<Comparisons>;
  private readonly log: Log;
  private different = 0;

  constructor(comparisons: Readonly<Comparisons>, log: Log) {
    this.comparisons = comparisons;
    this.log = log;
  }

  review(): void {
    const { different, last } = this.comparisons;
    if (different === this.different || last === undefined) return;
    this.different = different;
    const { here, there } = last;
    this.log.warning(
      `the other node has ${there} flows, and this node has ${here} of it, which are not the same`,
      { event: 'digest_differs', flows: here, peer_flows: there },
    );
  }
}
