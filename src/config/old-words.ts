/**
 * What to write instead of a word that C 1.4.9 does not know: options of conntrackd up to 0.9.x that were dropped since (its
 * commit f6ca216 lists them), and slips of case, underscores or one letter.
 */

const SUCCESSORS: Readonly<Record<string, string>> = {
  McastSndSocketBuffer: "use `SndSocketBuffer' in the link",
  McastRcvSocketBuffer: "use `RcvSocketBuffer' in the link",
  ResendBufferSize: "use `ResendQueueSize', which counts messages",
  IgnoreTrafficFor: "use `Filter From Userspace { Address Ignore { ... } }' in General",
  IgnoreProtocol: "use `Filter From Userspace { Protocol Ignore { ... } }' in General",
  Replicate: "use `Filter From Userspace { State Accept { ... } }' in General",
  CacheWriteThrough: "remove it; `DisableExternalCache on' in the Mode is what comes closest",
  LogFileBufferSize: 'remove it: log lines are not buffered',
  DestroyTimeout: 'remove it: flows that end are forgotten at once',
  DelayDestroyMessages: 'remove it: it is no longer needed',
  RelaxTransitions: 'remove it: it is no longer needed',
  ListenTo: 'remove it: the kernel reports all flows; use a Filter in General to leave some out',
  Family: 'remove it: flows of both families are replicated',
  StripNAT: 'remove it: NAT is replicated',
  persistent: "use `Mode ALARM'",
};

/** The word as it compares: without case, underscores and hyphens. */
function folded(word: string): string {
  return word.toLowerCase().replace(/[-_]/g, '');
}

/** Whether one letter added, left out, changed or exchanged with its neighbour makes one word of the other. */
function isOneSlipAway(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let same = 0;
  while (same < a.length && a[same] === b[same]) same++;
  const restA = a.slice(same);
  const restB = b.slice(same);
  if (a.length !== b.length) return a.length > b.length ? restA.slice(1) === restB : restB.slice(1) === restA;
  if (restA.slice(1) === restB.slice(1)) return true;
  return restA[0] === restB[1] && restA[1] === restB[0] && restA.slice(2) === restB.slice(2);
}

/**
 * What to do about `found`, as the end of a message; undefined where nothing is known.
 * @param expected what the grammar takes there, keywords in C's quotes
 */
export function adviceFor(found: string, expected: readonly string[]): string | undefined {
  if (Object.hasOwn(SUCCESSORS, found)) return SUCCESSORS[found];
  if (found === '{' && expected.includes('an IP address')) {
    return 'write one line for each address, without braces';
  }
  const keywords = expected.flatMap((one) => /^`(\w+)'$/.exec(one)?.[1] ?? []);
  const word = folded(found);
  // Short words are a letter apart by chance.
  const meant =
    keywords.find((keyword) => folded(keyword) === word) ??
    (word.length < 5 ? undefined : keywords.find((keyword) => isOneSlipAway(folded(keyword), word)));
  return meant === undefined ? undefined : `did you mean \`${meant}'?`;
}
