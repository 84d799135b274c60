import { RivalSeries } from './rival-series.ts';
import { LATE_MS, SILENCE_MS } from './series-pulse.ts';
import { areInOneSeries } from './series-span.ts';

/** Series that are remembered for a peer. Numbers that somebody makes up each begin another one. */
const RIVALS_MAX = 16;
/** So many numbers that follow each other show that a series goes on. */
const RUN_MIN = 2;

/** What was heard so lately, in ms, goes on: it may have spoken just before the series that is taken fell silent. */
const RECENT_MS = 1.5 * SILENCE_MS;

/** The series of a peer that are not taken. */
export class Rivals {
  private readonly all: RivalSeries[] = [];

  /** HELLOs that nothing has shown to be false yet. */
  private hellos = 0;

  /** Notes a message of a series that is not taken. Returns the series, undefined if the message is a late copy. */
  note(sequence: number, isHello: boolean, now: number): RivalSeries | undefined {
    let rival = this.all.find(({ last }) => areInOneSeries(last, sequence));
    if (rival?.hasTaken(sequence)) {
      if (now - rival.departed!.at < LATE_MS) {
        rival.noteCopy(sequence);
        return undefined;
      }
      this.remove(rival);
      rival = undefined;
    }
    if (rival === undefined) {
      rival = RivalSeries.from(sequence);
      this.add(rival);
    }
    rival.note(sequence, isHello, now);
    if (isHello) this.hellos++;
    return rival;
  }

  /** Adds a series. The one that has the least to show for itself makes room. */
  add(rival: RivalSeries): void {
    if (this.all.length === RIVALS_MAX) this.all.splice(this.all.indexOf(this.all.reduce(lesser)), 1);
    this.all.push(rival);
  }

  /** Forgets a series, whose HELLOs were none of a stranger's. */
  remove(rival: RivalSeries): void {
    const index = this.all.indexOf(rival);
    if (index < 0) return;
    this.all.splice(index, 1);
    this.hellos -= rival.hellos;
  }

  /** The series that goes on while the one that is taken is silent; undefined if none does. */
  successor(now: number): RivalSeries | undefined {
    const speaking = this.all.filter(({ run, heardAt }) => run > 0 && now - heardAt < RECENT_MS);
    return speaking.length === 0
      ? undefined
      : speaking.reduce((one, other) => (lesser(one, other) === one ? other : one));
  }

  /** Returns, once, whether a HELLO came whose number may be of the series of this one: nothing tells whose such a series is. */
  takeHelloNear(sequence: number): boolean {
    if (this.hellos === 0) return false;
    const near = this.all.filter(({ hellos, last }) => hellos > 0 && areInOneSeries(last, sequence));
    for (const rival of near) this.remove(rival);
    return near.length > 0;
  }

  /** The series that is taken goes on: whoever said HELLO beside it is not the peer. Returns how many HELLOs that were. */
  takeFalseHellos(): number {
    const { hellos } = this;
    if (hellos === 0) return 0;
    this.hellos = 0;
    for (const rival of this.all) rival.hellos = 0;
    return hellos;
  }
}

/** Whether the numbers of a series have followed each other: what somebody makes up does not. */
export function goesOn({ run }: RivalSeries): boolean {
  return run >= RUN_MIN;
}

function lesser(one: RivalSeries, other: RivalSeries): RivalSeries {
  const [worth, otherWorth] = [worthOf(one), worthOf(other)];
  if (worth !== otherWorth) return worth < otherWorth ? one : other;
  return one.heardAt <= other.heardAt ? one : other;
}

function worthOf(rival: RivalSeries): number {
  return goesOn(rival) || rival.departed?.wasProven ? 1 : 0;
}
