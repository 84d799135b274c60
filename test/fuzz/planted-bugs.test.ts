import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../../sim/netns/process.ts';
import { ProgramCopy } from '../support/program-copy.ts';

/** A line of the built program, and what stands there instead. */
interface Plant {
  readonly name: string;
  readonly file: string;
  readonly line: string;
  readonly instead: string;
  /** The target whose business it is; by default any. */
  readonly only?: string;
}

const PLANTS: readonly Plant[] = [
  {
    name: 'an unchecked length',
    file: 'src/wire/record.js',
    line: 'if (length < TLV_HEADER || length > end - at || type >= types)',
    instead: 'if (length < TLV_HEADER || type >= types)',
  },
  {
    name: 'a missing terminator check',
    file: 'src/wire/record.js',
    line: 'if (nul === size)\n        return Form.MALFORMED;',
    instead: '',
  },
  {
    name: 'an accepted unknown type',
    file: 'src/wire/record.js',
    line: 'length > end - at || type >= types)',
    instead: 'length > end - at || type > types)',
  },
  {
    name: 'an off-by-one in padding',
    file: 'src/wire/record.js',
    line: 'const after = at + ((length + 3) & ~3);',
    instead: 'const after = at + ((length + 2) & ~3);',
  },
  {
    name: 'padding that is not looked at',
    file: 'src/wire/record.js',
    line: 'if (bytes[pad] !== 0)',
    instead: 'if (bytes[pad] === undefined)',
  },
  {
    name: 'a range that is taken from a message too short for it',
    file: 'src/wire/datagram.js',
    line: 'if (length < RANGE_SIZE)',
    instead: 'if (length < HEADER_SIZE)',
  },
  {
    name: 'numbers that are compared without the wrap',
    file: 'src/wire/sequence.js',
    line: 'return ((a - b) | 0) < 0;',
    instead: 'return a < b;',
  },
  {
    name: 'a resend queue that grows by one',
    file: 'src/sync/message-queues.js',
    line: 'if (this.counts[RESEND] >= this.resendLimit) {',
    instead: 'if (this.counts[RESEND] > this.resendLimit) {',
  },
  {
    name: 'a refusal that is not counted',
    file: 'src/sync/replica.js',
    line: 'this.countMalformed(bytes, at);\n            counters.badPayload++;',
    instead: 'counters.badPayload++;',
  },
  {
    name: 'a kernel attribute that is read without its size',
    file: 'src/kernel/codec/flow-transcoder.js',
    line: 'fits(flowAt, flowSize, Cta.TIMEOUT, 4) &&',
    instead: '',
  },
  {
    name: 'a helper that takes the address of another machine',
    file: 'src/helper/ssdp.js',
    line: 'if (authority?.address !== device.source)',
    instead: 'if (authority === undefined)',
  },
  {
    name: 'a rewritten packet that keeps its length',
    file: 'src/helper/tns.js',
    line: 'writeU16(replacement, Place.LENGTH, readU16(payload, Place.LENGTH) + growth);',
    instead: '',
  },
  {
    name: 'a sealed datagram that is taken twice',
    file: 'src/link/sealed/channel.js',
    line: 'known.window.add(counter);',
    instead: '',
    only: 'sealed',
  },
  {
    name: 'a session that is opened without an echo',
    file: 'src/link/sealed/channel.js',
    line: 'if (!isKnown && isAt(this.challenge, plain, 0)) {',
    instead: 'if (!isKnown) {',
    only: 'sealed',
  },
  {
    name: 'a recording that opens a session again',
    file: 'src/link/sealed/channel.js',
    line: 'this.challenge = this.random(CHALLENGE_SIZE);\n        }',
    instead: '}',
    only: 'sealed',
  },
];

const MINUTE = 60_000;

describe('a planted bug is found in under a minute', () => {
  let copy: ProgramCopy;

  beforeEach(() => {
    copy = new ProgramCopy(['dist', 'scripts', 'vendor-fixtures']);
  });

  afterEach(() => copy?.close());

  const fuzz = (only: string | undefined) =>
    run(
      process.execPath,
      [
        join(copy.directory, 'scripts/fuzz.mjs'),
        '--in-process',
        ...['--cases', '4000000', '--seed', '1', '--findings', '1', '--threads', '1'],
        ...['--report', join(copy.directory, 'report.msgpack')],
        ...(only === undefined ? [] : ['--only', only]),
      ],
      { timeout: MINUTE },
    );

  it.each(PLANTS.map((plant) => [plant.name, plant] as const))(
    '%s',
    async (_, { file, line, instead, only }) => {
      copy.replace(join('dist', file), line, instead);
      const { code, stdout } = await fuzz(only);
      expect(stdout).toContain('FOUND');
      expect(code).toBe(1);
    },
    2 * MINUTE,
  );
});
