// What ours says to the kernel, beside what C's programs say for the same configuration and packets.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CtaExpect } from '../../../src/kernel/codec/ctnetlink-numbers.ts';
import { createExpectation } from '../../../src/kernel/userspace-helper/expectation-requests.ts';
import {
  type KernelHelper,
  putChangeHelper,
  putCreateHelper,
} from '../../../src/kernel/userspace-helper/helper-messages.ts';
import { Verdict } from '../../../src/kernel/userspace-helper/numbers.ts';
import {
  putBindQueue,
  putConfigureQueue,
  putVerdict,
} from '../../../src/kernel/userspace-helper/queue-messages.ts';
import type { NetfilterRequests } from '../../../src/kernel/userspace-helper/requests.ts';
import { NetlinkWriter, NLM_F_ACK, NLM_F_EXCL } from '../../../src/system/netlink.ts';

const FIXTURE = new URL('../../../vendor-fixtures/netlink/helper-messages.json', import.meta.url);
const fromC: Readonly<Record<string, string>> = JSON.parse(readFileSync(FIXTURE, 'utf8')).messages;

const HEADERS = 20;
const NESTED = 0x8000;
const FLAGS_AT = 6;

/** Attributes by number: nested ones as further trees, values in hexadecimal without what pads them. */
interface Attributes {
  readonly [type: number]: string | Attributes;
}

function attributes(bytes: Buffer): Attributes {
  const found: Record<number, string | Attributes> = {};
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    const type = bytes.readUInt16LE(at + 2);
    const value = bytes.subarray(at + 4, at + length);
    found[type & ~NESTED] = (type & NESTED) === 0 ? value.toString('hex') : attributes(value);
    at += (length + 3) & ~3;
  }
  return found;
}

interface Message {
  readonly type: number;
  readonly flags: number;
  /** Family, version and resource of nfgenmsg. */
  readonly netfilter: string;
  readonly attributes: Attributes;
}

function message(bytes: Buffer): Message {
  return {
    type: bytes.readUInt16LE(4),
    flags: bytes.readUInt16LE(FLAGS_AT),
    netfilter: bytes.toString('hex', 16, HEADERS),
    attributes: attributes(bytes.subarray(HEADERS, bytes.readUInt32LE(0))),
  };
}

function ofC(name: string): Message {
  return message(Buffer.from(fromC[name]!, 'hex'));
}

function ofOurs(put: (to: NetlinkWriter) => void): Message {
  const writer = new NetlinkWriter(4096);
  put(writer);
  return message(Buffer.from(writer.bytes.buffer, writer.bytes.byteOffset, writer.at));
}

function helper(
  name: string,
  family: 4 | 6,
  transport: 'tcp' | 'udp',
  expectMax: number,
  expectTimeout: number,
) {
  const policies = [{ name, expectMax, expectTimeout }];
  return { name, family, transport, policies, isEnabled: true } as const;
}

const FTP = { ...helper('ftp', 4, 'tcp', 2, 77), queueNum: 3 };
const TFTP = { ...helper('tftp', 6, 'udp', 1, 300), queueNum: 4 };

// The tests read the machine's own byte order.
describe.skipIf(new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1)('beside C', () => {
  it.each([
    ['create ftp inet tcp', { ...FTP, ...helper('ftp', 4, 'tcp', 1, 300), privateBytes: 24 }],
    ['create tftp inet6 udp', { ...TFTP, privateBytes: 0 }],
  ])(
    '%s: ours gives the queue and the status too, and refuses one that exists',
    (name, wanted: KernelHelper) => {
      const c = ofC(name);
      const ours = ofOurs((to) => putCreateHelper(to, 0, wanted));
      expect(ours).toMatchObject({ ...c, flags: c.flags | NLM_F_EXCL });
      const added = Object.keys(ours.attributes).filter((type) => !(type in c.attributes));
      expect(added).toEqual(['3', '6']);
    },
  );

  it.each([
    ['enable ftp inet tcp', FTP],
    ['enable tftp inet6 udp', TFTP],
  ])('%s is the same', (name, wanted) => {
    expect(ofOurs((to) => putChangeHelper(to, 0, wanted, wanted))).toEqual(ofC(name));
  });

  it('queues are bound alike, but for the family, which the kernel does not read, and the answer that ours asks for', () => {
    const ours = ofOurs((to) => putBindQueue(to, 0, 3));
    const c = ofC('bind queue 3');
    expect(ours).toEqual({ ...c, flags: c.flags | NLM_F_ACK, attributes: { 1: '01000000' } });
    expect(c.attributes).toEqual({ 1: '01000002' });
  });

  it.each([
    ['configure queue 3', 3, 1024],
    ['configure queue 4', 4, 10_240],
  ])('%s: ours lets packets pass where the queue is full (flag 1)', (name, queueNum, length) => {
    const ours = ofOurs((to) => putConfigureQueue(to, 0, queueNum, length));
    const c = ofC(name);
    expect(c.attributes).toMatchObject({ 5: '00000002', 4: 'ffffffff' });
    expect(ours).toEqual({
      ...c,
      flags: c.flags | NLM_F_ACK,
      attributes: { ...c.attributes, 5: '00000003', 4: '00000007' },
    });
  });

  it('a verdict names the packet and what it is to be alike; C sends the whole flow back', () => {
    const accepted = ofC('verdict accept');
    const id = Number.parseInt((accepted.attributes[2] as string).slice(8), 16);
    expect(ofOurs((to) => putVerdict(to, 3, id, { verdict: Verdict.ACCEPT }))).toEqual({
      ...accepted,
      attributes: { 2: accepted.attributes[2] },
    });

    const rewritten = ofC('verdict rewritten');
    const packet = Buffer.from(rewritten.attributes[10] as string, 'hex');
    expect(packet.toString('latin1')).toContain('PORT 10,0,2,1,200,10\r\n');
    const rewrittenId = Number.parseInt((rewritten.attributes[2] as string).slice(8), 16);
    expect(
      ofOurs((to) =>
        putVerdict(to, 3, rewrittenId, { verdict: Verdict.ACCEPT, packet: Uint8Array.from(packet) }),
      ),
    ).toEqual({ ...rewritten, attributes: { ...rewritten.attributes, 11: {} } });
  });

  it('an expectation is the same but for flags of 0; ours refuses one that exists', () => {
    const tuple = (source: string, destination: string, ports: [number, number]) => ({
      family: 4 as const,
      source,
      destination,
      protocol: 6,
      ports: { source: ports[0], destination: ports[1] },
    });
    const writer = new NetlinkWriter(1024);
    const requests = {
      request(put: (to: NetlinkWriter, sequence: number) => void) {
        put(writer, 0);
        return 0;
      },
    } as Pick<NetfilterRequests, 'request'> as NetfilterRequests;
    createExpectation(
      requests,
      {
        master: tuple('10.0.1.2', '10.0.2.2', [40_001, 21]),
        expected: tuple('10.0.2.2', '10.0.1.2', [0, 51_210]),
        mask: tuple('255.255.255.255', '255.255.255.255', [0, 0xffff]),
      },
      undefined,
    );
    const ours = message(Buffer.from(writer.bytes.buffer, writer.bytes.byteOffset, writer.at));
    const { 8: flags, ...rest } = ofC('expect ftp').attributes;
    expect(flags).toBe('00000000');
    expect(ours).toEqual({ ...ofC('expect ftp'), flags: ours.flags, attributes: rest });
    expect(ours.flags & ~NLM_F_EXCL).toBe(ofC('expect ftp').flags);
  });

  it('C says nothing of the translation of what it expects', () => {
    const { attributes: masqueraded } = ofC('expect ftp masqueraded');
    expect(Object.keys(masqueraded)).toEqual(Object.keys(ofC('expect ftp').attributes));
    expect(masqueraded).not.toHaveProperty(String(CtaExpect.NAT));
    expect(masqueraded).not.toHaveProperty(String(CtaExpect.FN));
  });
});
