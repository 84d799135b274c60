/** What was seen in a capture beside the messages. */
export interface Tally {
  frames: number;
  messages: number;
  malformed: number;
  fragments: number;
  /** Frames of a link whose headers are not known, by its LINKTYPE number. */
  readonly unknownLinks: Map<number, number>;
  /** Bytes of TCP streams that the capture lacks. */
  missing: number;
  /** Datagrams and segments that the capture cut short. */
  cut: number;
  /** Packets of an interface for which the kernel had no room. */
  dropped: number;
}

export function newTally(): Tally {
  return {
    frames: 0,
    messages: 0,
    malformed: 0,
    fragments: 0,
    unknownLinks: new Map(),
    missing: 0,
    cut: 0,
    dropped: 0,
  };
}

export function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** `3 messages, 0 malformed, 1 frame`, and what there was beside them. */
export function tallyText(tally: Tally): string {
  const { frames, messages, malformed, fragments, unknownLinks, missing, cut, dropped } = tally;
  const parts = [
    counted(messages, 'message', 'messages'),
    `${malformed} malformed`,
    counted(frames, 'frame', 'frames'),
  ];
  if (dropped > 0) parts.push(`${counted(dropped, 'packet', 'packets')} dropped by the kernel`);
  if (fragments > 0) parts.push(`${counted(fragments, 'fragment', 'fragments')} skipped`);
  if (cut > 0) parts.push(`${counted(cut, 'packet', 'packets')} cut short by the capture (tcpdump -s 0)`);
  if (missing > 0) parts.push(`${counted(missing, 'byte', 'bytes')} of TCP streams missing`);
  for (const [type, count] of unknownLinks) {
    parts.push(`${counted(count, 'frame', 'frames')} of unknown link type ${type} skipped`);
  }
  return parts.join(', ');
}
