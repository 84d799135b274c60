/** One helper in user space, and what it made of its packets. */
export interface HelperStatistics {
  readonly name: string;
  /** As the configuration names it. */
  readonly family: 'inet' | 'inet6';
  readonly transport: 'tcp' | 'udp';
  readonly queueNum: number;
  /** Packets that it looked at. */
  readonly packets: number;
  /** Packets that were dropped, because what they announce could not be expected. */
  readonly dropped: number;
  /** Packets whose payload was rewritten for a translated flow. */
  readonly rewritten: number;
  /** Expectations that the kernel took. */
  readonly expectations: number;
  /** Expectations that the kernel refused. */
  readonly expectationsRefused: number;
  /** Packets that went on because the helper itself failed. */
  readonly failed: number;
}

/** The helpers of the Helper clause. */
export interface HelpersStatistics {
  readonly helpers: readonly HelperStatistics[];
  /** Packets that the queues delivered. */
  readonly packets: number;
  /** Packets that went on without a look: no IP with TCP or UDP, of no flow, or of a flow of another helper. */
  readonly passed: number;
  /** Messages of the kernel that could not be read. */
  readonly malformed: number;
  /** Verdicts that the kernel did not take. */
  readonly verdictsFailed: number;
  /** Flows whose state is kept now. */
  readonly flows: number;
  /** Flows whose state was forgotten for newer ones. */
  readonly flowsForgotten: number;
}
