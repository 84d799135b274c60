import { Flag, flagsOf, lengthOf, MessageType, typeOf } from '../../../src/wire/header.ts';
import type { ConfigurationOptions, Lab } from '../lab.ts';
import type { WirePeer } from '../wire-peer.ts';

export interface Fixture {
  readonly name: string;
  readonly note: string;
  readonly hex: string;
}

/** A theme's captures as stored in its file. */
export interface FixtureFile {
  readonly captured: string;
  readonly datagrams: readonly Fixture[];
}

const KINDS: Readonly<Record<number, string>> = {
  [MessageType.CT_NEW]: 'new',
  [MessageType.CT_UPD]: 'upd',
  [MessageType.CT_DEL]: 'del',
  [MessageType.EXP_NEW]: 'exp-new',
  [MessageType.EXP_UPD]: 'exp-upd',
  [MessageType.EXP_DEL]: 'exp-del',
};

/** The kinds of a datagram's messages: `new`, `ack+nack`, `alive-hello`; for more than four, only their number. */
function kindsOf(datagram: Uint8Array): string {
  const kinds: string[] = [];
  for (let at = 0; at < datagram.length; at += lengthOf(datagram, at)) {
    const flags = flagsOf(datagram, at);
    const words = [KINDS[typeOf(datagram, at)] ?? ''];
    for (const [word, bit] of Object.entries(Flag)) {
      if (flags & bit) words.push(word.toLowerCase().replace('_', '-'));
    }
    kinds.push(words.filter((word) => word !== '').join('-'));
  }
  return kinds.length <= 4 ? kinds.join('+') : `${kinds.length}-messages`;
}

const isAlive = (datagram: Uint8Array) =>
  typeOf(datagram, 0) === MessageType.CONTROL && (flagsOf(datagram, 0) & Flag.ALIVE) !== 0;

/** Actions that make a C node send, and its configuration; one file of fixtures. */
export interface Theme {
  readonly name: string;
  readonly configuration: ConfigurationOptions;
  /** A description of the configuration. */
  readonly options: string;
  readonly keepsAlive?: boolean;
  /** Milliseconds without a datagram that end a step; by default 150. */
  readonly quiet?: number;
  work(recorder: Recorder): Promise<void>;
}

/** Collects the datagrams of a theme step by step. */
export class Recorder {
  readonly fixtures: Fixture[] = [];
  readonly peer: WirePeer;
  readonly lab: Lab;
  private readonly keepsAlive: boolean;
  private readonly quiet: number;
  private taken = 0;

  constructor(lab: Lab, peer: WirePeer, { keepsAlive = false, quiet = 150 }: Theme) {
    this.lab = lab;
    this.peer = peer;
    this.keepsAlive = keepsAlive;
    this.quiet = quiet;
  }

  /** Runs an action that makes the node send, and stores the datagrams under this name. */
  async step(name: string, note: string, work: () => Promise<unknown> | unknown): Promise<number> {
    this.taken = this.peer.received.length;
    await work();
    await this.peer.settle(this.quiet);
    const fresh = this.peer.received
      .slice(this.taken)
      .filter((datagram) => this.keepsAlive || !isAlive(datagram));
    for (const datagram of fresh) {
      const base = `${name}.${kindsOf(datagram)}`;
      let unique = base;
      for (let n = 2; this.fixtures.some((known) => known.name === unique); n++) unique = `${base}-${n}`;
      this.fixtures.push({ name: unique, note, hex: datagram.toString('hex') });
    }
    return fresh.length;
  }

  /** Like `step`, but it is an error if the node sends nothing. */
  async must(name: string, note: string, work: () => Promise<unknown> | unknown): Promise<void> {
    if ((await this.step(name, note, work)) === 0) throw new Error(`${name}: the node sent nothing`);
  }

  /** Creates, changes and ends a flow with `conntrack`. */
  async life(name: string, make: string, key: string, change = '-m 77'): Promise<void> {
    const conntrack = (words: string) => this.lab.a.conntrack(...words.split(/\s+/));
    await this.must(name, `conntrack -I ${make}`, () => conntrack(`-I ${make}`));
    await this.must(name, `conntrack -U ${key} ${change}`, () => conntrack(`-U ${key} ${change}`));
    await this.must(name, `conntrack -D ${key}`, () => conntrack(`-D ${key}`));
  }
}
