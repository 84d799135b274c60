import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, missingForLab, openLab, sampleFlows, until } from '../../sim/netns/lab.ts';
import { startWirePeer } from '../../sim/netns/wire-peer.ts';
import type { Expectation } from '../../src/flow/expectation.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { Status } from '../../src/flow/status.ts';
import { expectationDumpLine, flowDumpLine, internalDumpLine } from '../../src/flow/text.ts';
import { expectationDumpXml, flowDumpXml, internalDumpXml } from '../../src/flow/xml.ts';
import { decodeExpectation, decodeFlow } from '../../src/wire/decode.ts';
import { HEADER_SIZE, lengthOf, MessageType, typeOf } from '../../src/wire/header.ts';
import { messageOffsets } from '../support/datagrams.ts';

// A C node sends a socket of ours what it has in its cache. What we print from these bytes must be what
// it prints itself.

const AGE = { active: 0 };

/** What a node has sent about its flows and expectations: the newest state of each. */
function recordsIn(datagrams: readonly Buffer[]) {
  const flows = new Map<string, Flow>();
  const expectations = new Map<string, Expectation>();
  for (const bytes of datagrams) {
    for (const at of messageOffsets(bytes)) {
      const start = at + HEADER_SIZE;
      const end = at + lengthOf(bytes, at);
      switch (typeOf(bytes, at)) {
        case MessageType.CT_NEW:
        case MessageType.CT_UPD: {
          const flow = decodeFlow(bytes, start, end);
          flows.set(keyOf(flow), flow);
          break;
        }
        case MessageType.CT_DEL:
          flows.delete(keyOf(decodeFlow(bytes, start, end)));
          break;
        case MessageType.EXP_NEW: {
          const expectation = decodeExpectation(bytes, start, end);
          expectations.set(JSON.stringify(expectation.expected), expectation);
        }
      }
    }
  }
  return { flows: [...flows.values()], expectations: [...expectations.values()] };
}

function keyOf({ original, zone }: Flow): string {
  return JSON.stringify([original, zone]);
}

/** A dump as sorted lines. The age differs, the kernel's id does not travel, nor do GRE keys and UDP-Lite's ports. */
function lines(dump: string): string[] {
  const known = dump
    .replace(/ \[active since \d+s\]/g, ' [active since 0s]')
    .replace(/<id>\d+<\/id>/g, '')
    .replace(/^gre .*$/gm, (line) => line.replace(/key=0x[0-9a-f]+/g, 'key=0x0'))
    .replace(/^udplite .*$/gm, (line) => line.replace(/port=\d+/g, 'port=0'))
    .replace(/^.*"gre".*$/gm, (line) => line.replace(/key>0x[0-9a-f]+</g, 'key>0x0<'))
    .replace(/^.*"udplite".*$/gm, (line) => line.replace(/port>\d+</g, 'port>0<'));
  return known
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

describe('a dump of flows', () => {
  let lab: Lab;
  let flows: Flow[];
  const dumps: Record<string, string> = {};

  beforeAll(async () => {
    expect(missingForLab()).toEqual([]);
    lab = await openLab();
    const configuration = { mode: 'NOTRACK' } as const;
    const peer = await startWirePeer(lab.b.namespace, 'b');
    const a = await lab.a.start({ configuration });
    for (const sample of sampleFlows()) {
      // Without its ports it would be the same flow as another one of the samples.
      if (sample.name !== 'udplite assured') await lab.a.conntrack(...sample.arguments);
    }
    const tcp = await lab.connect();
    await tcp.exchange();
    const tcp6 = await lab.connect({ family: 6 });
    await tcp6.exchange();
    const udp = await lab.openUdp();
    await udp.exchange();
    await lab.client.must('ping', ['-c', '1', '-W', '2', '203.0.113.10']);
    await lab.client.must('ping', ['-6', '-c', '1', '-W', '2', '2001:db8:20::10']);
    // A protocol that conntrack does not know by name.
    await lab.a.conntrack('-I', '-p', '99', '-s', '192.168.10.10', '-d', '203.0.113.10', '-t', '600');
    await peer.settle();
    flows = recordsIn(peer.received).flows;
    dumps.internal = await a.command('-i');
    dumps.internalXml = await a.command('-i', '-x');
    await peer.close();

    const b = await lab.b.start({ configuration });
    await a.command('-B');
    await b.untilSize('external', (await a.sizes()).internal);
    dumps.external = await b.command('-e');
    dumps.externalXml = await b.command('-e', '-x');
  });

  afterAll(() => lab?.close());

  const ours = (print: (flow: Flow) => string) => lines(flows.map(print).join(''));

  it('has many flows in it', () => {
    expect(flows.length).toBeGreaterThan(50);
    expect(flows.some(({ sourceNat, tcp }) => sourceNat !== undefined && tcp?.state === 3)).toBe(true);
  });

  it('of the internal cache is as in C, with the reply derived', () => {
    expect(ours((flow) => internalDumpLine(flow, AGE))).toEqual(lines(dumps.internal!));
  });

  it('of the internal cache as XML is as in C', () => {
    expect(ours(internalDumpXml)).toEqual(lines(dumps.internalXml!));
  });

  it('of the external cache is as in C, without the reply', () => {
    expect(ours((flow) => flowDumpLine(flow, AGE))).toEqual(lines(dumps.external!));
  });

  it('of the external cache as XML is as in C', () => {
    expect(ours(flowDumpXml)).toEqual(lines(dumps.externalXml!));
  });
});

it('a dump in ALARM mode shows when records lapse, as in C', async () => {
  expect(missingForLab()).toEqual([]);
  const lab = await openLab();
  try {
    const configuration = { mode: 'ALARM', inMode: ['CacheTimeout 180'] } as const;
    await lab.startNodes({ a: { configuration }, b: { configuration } });
    await lab.a.conntrack(...sampleFlows().find(({ name }) => name === 'tcp with a mark')!.arguments);
    const b = lab.b.node();
    await b.untilSize('external', 1);
    const dump = await b.command('-e');
    const [, expires, active] = /expires in (\d+)s.*since (\d+)s/.exec(dump) ?? [];
    const [, from] = /sport=(\d+)/.exec(dump) ?? [];
    const flow: Flow = {
      original: {
        family: 4,
        source: '192.168.10.10',
        destination: '203.0.113.10',
        protocol: 6,
        ports: { source: Number(from), destination: 80 },
      },
      status: Status.SEEN_REPLY | Status.ASSURED,
      tcp: { state: 3 },
      mark: 0xdeadbeef,
    };
    expect(flowDumpLine(flow, { active: Number(active), expires: Number(expires) })).toBe(dump);
  } finally {
    await lab.close();
  }
});

describe('a dump of expectations', () => {
  it('is as in C, on both sides and in both forms', async () => {
    expect(missingForLab()).toEqual([]);
    const lab = await openLab({ ftp: true });
    try {
      const configuration = { mode: 'NOTRACK', inOptions: ['ExpectationSync on'] } as const;
      const peer = await startWirePeer(lab.b.namespace, 'b');
      const a = await lab.a.start({ configuration });
      const control = await lab.connect({ port: 21 });
      await control.exchange();
      await control.say('PORT 192,168,10,10,20,21');
      await until('an expectation at A', async () => (await a.expectations('internal')).length === 1);
      await peer.settle();
      const { flows, expectations } = recordsIn(peer.received);
      expect(expectations).toHaveLength(1);
      const text = lines(expectations.map((one) => expectationDumpLine(one, AGE)).join(''));
      const xml = lines(expectations.map(expectationDumpXml).join(''));
      expect(lines(await a.command('-i', 'expect'))).toEqual(text);
      expect(lines(await a.command('-i', 'expect', '-x'))).toEqual(xml);
      // The master has a helper, and its sequence numbers are shifted.
      expect(flows.some(({ helper }) => helper === 'ftp')).toBe(true);
      expect(lines(flows.map((flow) => internalDumpLine(flow, AGE)).join(''))).toEqual(
        lines(await a.command('-i')),
      );
      expect(lines(flows.map(internalDumpXml).join(''))).toEqual(lines(await a.command('-i', '-x')));
      await peer.close();

      const b = await lab.b.start({ configuration });
      await a.command('-B');
      await until('an expectation at B', async () => (await b.expectations('external')).length === 1);
      expect(lines(await b.command('-e', 'expect'))).toEqual(text);
      expect(lines(await b.command('-e', 'expect', '-x'))).toEqual(xml);
    } finally {
      await lab.close();
    }
  });
});
