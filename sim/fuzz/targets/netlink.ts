import { MALFORMED, REFUSED, Transcoder } from '../../../src/kernel/codec/transcode.ts';
import { kernelCounters } from '../../../src/kernel/kernel.ts';
import { readLinkMessages } from '../../../src/link/rtnetlink.ts';
import { checkRecord, EXPECTATION_FORMAT, FLOW_FORMAT, Form, wireSize } from '../../../src/wire/record.ts';
import { capturedNetlink } from '../seeds.ts';
import { ensure, GuardedInput, hashOf, mixed, type Target } from '../target.ts';

function transcoder(fastPaths: boolean): Transcoder {
  return new Transcoder({ timeout: true, windowScale: true, fastPaths }, kernelCounters());
}

/** Transcoded records that check: the rest of a flow's is for our own use. */
export class NetlinkTarget implements Target {
  readonly name = 'netlink';
  readonly grammar = 'netlink';
  readonly weight = 80;
  private readonly surrounded = new GuardedInput();
  private readonly fast = transcoder(true);
  private readonly slow = transcoder(false);
  private told = 0;
  private readonly sink = {
    traffic: (...counts: readonly number[]) => {
      for (const count of counts) {
        ensure(Number.isInteger(count) && count >= 0, () => `traffic of ${count}`);
        this.told = mixed(this.told, count);
      }
    },
    times: (start: number, stop: number) => {
      this.told = mixed(mixed(this.told, start), stop);
    },
  };

  seeds(): readonly Uint8Array[] {
    return capturedNetlink();
  }

  run(input: Uint8Array, length: number): number {
    const { surrounded } = this;
    surrounded.place(input, length);
    const [one, other] = surrounded.memories;
    const first = this.transcode(this.fast, one);
    ensure(
      first === this.transcode(this.fast, other),
      () => 'the record depends on bytes outside the message',
    );
    ensure(
      first === this.transcode(this.slow, one),
      () => 'a message template makes another record than the attributes do',
    );
    return 1;
  }

  private transcode(transcoder: Transcoder, bytes: Uint8Array): number {
    const { start, end } = this.surrounded;
    this.told = 0;
    let hash = 0;
    const size = transcoder.flow(bytes, start, end);
    if (size !== MALFORMED && size !== REFUSED) {
      const { record } = transcoder;
      ensure(size > 0 && size <= record.length, () => `a record of ${size} bytes`);
      const wire = wireSize(record, 0, size);
      const form = checkRecord(FLOW_FORMAT, record, 0, wire);
      ensure(form === Form.CANONICAL, () => 'a flow is transcoded into a record that is not canonical');
      hash = hashOf(record, 0, size, 1);
      transcoder.traffic(bytes, this.sink);
      transcoder.times(bytes, this.sink);
    }
    const expected = transcoder.expectation(bytes, start, end);
    if (expected !== MALFORMED) {
      const form = checkRecord(EXPECTATION_FORMAT, transcoder.record, 0, expected);
      ensure(
        form === Form.CANONICAL,
        () => 'an expectation is transcoded into a record that is not canonical',
      );
      hash = hashOf(transcoder.record, 0, expected, hash);
    }
    return mixed(hash, this.told);
  }
}

/** A message of rtnetlink about an interface. */
function linkMessage(name: string, index: number): Uint8Array {
  const attribute = Buffer.alloc(4 + Math.ceil((name.length + 1) / 4) * 4);
  const native = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
  const u16 = (at: number, value: number, to: Buffer) =>
    native ? to.writeUInt16LE(value, at) : to.writeUInt16BE(value, at);
  const u32 = (at: number, value: number, to: Buffer) =>
    native ? to.writeUInt32LE(value, at) : to.writeUInt32BE(value, at);
  u16(0, 4 + name.length + 1, attribute);
  u16(2, 3, attribute);
  attribute.write(name, 4, 'latin1');
  const head = Buffer.alloc(32);
  u32(0, 32 + attribute.length, head);
  u16(4, 16, head);
  u32(20, index, head);
  u32(24, 0x41, head);
  return Uint8Array.from(Buffer.concat([head, attribute]));
}

/** The kernel's messages about interfaces. */
export class InterfaceTarget implements Target {
  readonly name = 'interface';
  readonly grammar = 'netlink';
  readonly weight = 20;
  private readonly surrounded = new GuardedInput();

  seeds(): readonly Uint8Array[] {
    const one = linkMessage('sync0', 7);
    const two = linkMessage('a-name-of-15byt', 8);
    return [one, two, Uint8Array.from([...one, ...two])];
  }

  run(input: Uint8Array, length: number): number {
    this.surrounded.place(input, length);
    const { start, end } = this.surrounded;
    const results = this.surrounded.memories.map((bytes) => {
      const heard: string[] = [];
      const whole = readLinkMessages(bytes.subarray(start), end - start, (...link) =>
        heard.push(link.join(' ')),
      );
      return `${whole} ${heard.join('\n')}`;
    });
    ensure(results[0] === results[1], () => 'an interface depends on bytes outside the message');
    return 1;
  }
}
