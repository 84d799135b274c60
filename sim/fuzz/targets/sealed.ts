import { readU16 } from '../../../src/bytes/integers.ts';
import { Outcome, SealedChannel } from '../../../src/link/sealed/channel.ts';
import { linkKey } from '../../../src/link/sealed/key.ts';
import { AcceptedSeal, ConnectingSeal } from '../../../src/link/sealed/stream.ts';
import { Random } from '../../random.ts';
import { ensure, hashOf, type Target } from '../target.ts';

const HEADER = 4;
const STEPS_MAX = 32;
/** Bytes of a piece that count: more would be the same again. */
const PAYLOAD_MAX = 200;
/** Frames of one long silence that are not lost. */
const KEPT = 3;
/** Ticks after which a silent peer has ended. */
const LONG = 310;

/** What a piece's kind stands for. Bit 0 of its argument names the node. */
const Step = { SAY: 0, DELIVER: 1, LOSE: 2, PLAY_BACK: 3, TICK: 4, CHANGE: 5, RAW: 6, RESTART: 7 } as const;

const piece = (kind: number, argument: number): number[] => [kind, argument, 0, 1, 7];

/** Both nodes greet, one says something; the other is silent for long, or restarts, and hears all of it again. */
const PLAYED_BACK: readonly (readonly number[][])[] = [piece(Step.TICK, 255), piece(Step.RESTART, 1)].map(
  (change) => [
    ...[1, 0, 1, 0].map((node) => piece(Step.DELIVER, node)),
    piece(Step.SAY, 0),
    piece(Step.DELIVER, 0),
    change,
    ...Array.from({ length: 24 }, (_, n) => piece(Step.PLAY_BACK, 2 * (n % 12) + 1)),
  ],
);

const KEYS = [1, 2].map((n) => linkKey(new Uint8Array(32).fill(n)));

/** What a node sent, and when. */
interface Frame {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly at: number;
}

/**
 * Two nodes with a key, and somebody without it who hears, holds back, repeats, changes and adds whatever he likes: pieces whose
 * kind says what happens. The same pieces are said over a TCP connection, which is then cut and changed.
 */
export class SealedTarget implements Target {
  readonly name = 'sealed';
  readonly grammar = 'pieces';
  readonly weight = 1;

  seeds(random: Random): readonly Uint8Array[] {
    const all = Object.values(Step);
    const likely = [Step.SAY, Step.SAY, Step.DELIVER, Step.DELIVER, Step.DELIVER, Step.TICK, Step.PLAY_BACK];
    const random24 = () =>
      Array.from({ length: 24 }, () => {
        const payload = Array.from({ length: random.below(20) }, () => random.below(256));
        return [
          random.pick(random.oneIn(3) ? all : likely),
          random.below(256),
          0,
          payload.length,
          ...payload,
        ];
      });
    return [...PLAYED_BACK, ...Array.from({ length: 40 }, random24)].map((pieces) =>
      Uint8Array.from(pieces.flat()),
    );
  }

  run(input: Uint8Array, length: number): number {
    const seed = hashOf(input, 0, length);
    const link = new AttackedLink(Random.forStream(seed));
    const said: Uint8Array[] = [];
    for (let at = 0; length - at >= HEADER && said.length < STEPS_MAX; ) {
      const end = Math.min(length, at + HEADER + readU16(input, at + 2));
      const payload = input.slice(at + HEADER, Math.min(end, at + HEADER + PAYLOAD_MAX));
      link.step(input[at]! & 7, input[at + 1]!, payload);
      said.push(payload);
      at = end;
    }
    link.checkRecovery();
    checkConnection(
      said.filter((payload) => payload.length > 0),
      Random.forStream(seed, 1),
    );
    return 1;
  }
}

class AttackedLink {
  private readonly random: Random;
  /** All that was ever sent. */
  private readonly recording: Frame[] = [];
  private readonly onTheWay: Frame[][] = [[], []];
  private readonly nodes: SealedChannel[] = [];
  private readonly startedAt = [0, 0];
  /** Frames that a node has taken since it started. */
  private readonly taken = [new Set<Frame>(), new Set<Frame>()];
  private now = 0;

  constructor(random: Random) {
    this.random = random;
    this.start(0);
    this.start(1);
  }

  step(kind: number, argument: number, payload: Uint8Array): void {
    const node = argument & 1;
    const recorded = this.recording[(argument >> 1) % Math.max(1, this.recording.length)];
    this.now++;
    switch (kind) {
      case Step.SAY:
        this.nodes[node]!.send(payload, payload.length);
        break;
      case Step.DELIVER:
        this.deliver(node);
        break;
      case Step.LOSE:
        this.onTheWay[node]!.shift();
        break;
      case Step.PLAY_BACK:
        if (recorded !== undefined) this.receive(node, recorded.bytes);
        break;
      case Step.TICK:
        for (let n = argument > 247 ? LONG : 1; n > 0; n--) this.nodes[node]!.handleTick();
        this.onTheWay[node]!.splice(0, Math.max(0, this.onTheWay[node]!.length - KEPT));
        break;
      case Step.CHANGE:
        if (recorded !== undefined) this.receive(node, changed(recorded.bytes, argument, payload));
        break;
      case Step.RAW:
        this.receive(node, payload);
        break;
      default:
        if (argument < 64) this.start(node);
        else this.nodes[node]!.setKeys(argument & 2 ? KEYS : KEYS.toReversed());
    }
  }

  /** Whatever was done: as soon as it ends, the nodes hear each other, if not the first word of one that was not asked yet. */
  checkRecovery(): void {
    for (let round = 0; round < 4; round++) {
      this.now++;
      for (const node of [0, 1]) this.nodes[node]!.handleTick();
      for (let turn = 0; turn < 8; turn++) for (const node of [0, 1]) this.deliver(node);
    }
    for (const node of [0, 1]) {
      const before = this.taken[1 - node]!.size;
      for (let word = 0; word < 2; word++) {
        this.nodes[node]!.send(Uint8Array.of(7), 1);
        for (const from of [node, 1 - node, node]) this.deliver(from);
      }
      ensure(this.taken[1 - node]!.size > before, () => `node ${1 - node} does not hear the other any more`);
    }
  }

  private start(node: number): void {
    this.startedAt[node] = this.now;
    this.taken[node]!.clear();
    this.nodes[node] = new SealedChannel(
      KEYS,
      (bytes, length) => {
        const frame = { bytes: bytes.slice(0, length), from: node, at: this.now };
        this.recording.push(frame);
        this.onTheWay[node]!.push(frame);
      },
      (size) => Uint8Array.from({ length: size }, () => this.random.below(256)),
    );
    this.nodes[node]!.handleTick();
  }

  /** All that a node has sent arrives at the other. */
  private deliver(from: number): void {
    for (const { bytes } of this.onTheWay[from]!.splice(0)) this.receive(1 - from, bytes);
  }

  private receive(node: number, datagram: Uint8Array): void {
    const channel = this.nodes[node]!;
    // The memory around the datagram is not the channel's.
    const memory = new Uint8Array(datagram.length + 96).fill(this.random.below(256));
    memory.set(datagram, 48);
    const outcome = channel.receive(memory, 48, 48 + datagram.length);
    ensure(channel.peers <= 64, () => `${channel.peers} sessions`);
    if (outcome !== Outcome.DATA) return;
    const frame = this.recording.find(
      ({ from, bytes }) => from !== node && Buffer.compare(bytes, datagram) === 0,
    );
    if (frame === undefined) {
      ensure(false, () => 'a datagram was taken that the other node has not sent');
      return;
    }
    ensure(!this.taken[node]!.has(frame), () => 'a datagram was taken twice');
    ensure(frame.at >= this.startedAt[node]!, () => 'a datagram was taken that is older than its receiver');
    this.taken[node]!.add(frame);
  }
}

/** A copy of a recorded frame with some bytes changed, or cut short. */
function changed(bytes: Uint8Array, argument: number, payload: Uint8Array): Uint8Array {
  if (payload.length === 0) return bytes.subarray(0, argument % Math.max(1, bytes.length));
  const copy = bytes.slice();
  for (const [n, value] of payload.entries()) copy[(argument + 5 * n) % copy.length]! ^= value;
  return copy;
}

/** Says all of it over a TCP connection, which somebody cuts and may change in one place. */
function checkConnection(said: readonly Uint8Array[], random: Random): void {
  const bytes = (size: number) => Uint8Array.from({ length: size }, () => random.below(256));
  const heard: Uint8Array[] = [];
  let proofs = 0;
  const accepting = new AcceptedSeal(KEYS, bytes, {
    proved: () => proofs++,
    datagram: (memory, start, end) => {
      ensure(proofs === 1, () => 'a datagram comes before the proof');
      heard.push(memory.slice(start, end));
    },
  });
  const connecting = new ConnectingSeal(KEYS.toReversed(), bytes);
  ensure(connecting.receive(accepting.opening) === undefined, () => 'a genuine answer is refused');
  const whole = Buffer.concat([
    connecting.opening,
    connecting.seal(),
    ...said.map((datagram) => connecting.seal(datagram)),
  ]);
  const isChanged = random.oneIn(2);
  if (isChanged) whole[random.below(whole.length)]! ^= random.between(1, 255);
  let isRefused = false;
  for (let at = 0; at < whole.length && !isRefused; ) {
    const size = random.between(1, random.pick([1, 60, 2000]));
    isRefused = accepting.take(whole.subarray(at, at + size)) !== undefined;
    at += size;
  }
  ensure(isChanged || !isRefused, () => 'a genuine connection is refused');
  ensure(
    heard.length <= said.length &&
      (isChanged ? heard.length < said.length || said.length === 0 : heard.length === said.length),
    () => `${said.length} datagrams were said, ${heard.length} heard`,
  );
  for (const [n, datagram] of heard.entries()) {
    ensure(Buffer.compare(datagram, said[n]!) === 0, () => `datagram ${n} is not the one that was said`);
  }
}
