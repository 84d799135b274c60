export interface InjectionOptions {
  /** Accept TCP packets outside the window in both directions: without TCPWindowTracking. */
  readonly liberal: boolean;
  /**
   * Timeout in seconds for an entry whose record has no TIMEOUT, as when the peer has CommitTimeout set.
   * With 0 the kernel rejects the create (EINVAL), which is what happens to a C node. An update without a
   * timeout leaves the kernel's.
   */
  readonly fallbackTimeout: number;
  /** Whether an update without a timeout renews the kernel's: it sets the fallback. C's does not. */
  readonly renewsTimeout?: boolean;
  /** False: copy records byte by byte. */
  readonly fastPaths?: boolean;
}
