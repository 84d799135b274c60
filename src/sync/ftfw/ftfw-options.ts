export interface FtFwOptions {
  /** ResendQueueSize: maximum number of messages kept until they are acknowledged. */
  readonly resendQueueSize: number;
  /** ACKWindowSize: messages received before they are acknowledged. */
  readonly ackWindowSize: number;
  /**
   * Whether the node asks for everything by itself where it may lack something, and answers a peer that may lack something
   * without being asked. False unless given.
   */
  readonly healsItself?: boolean;
  /** Our first sequence number. C's is its clock; one that nobody can guess makes forged acknowledgements useless. */
  readonly initialSequence: number;
}
