import { describe, expect, it } from 'vitest';
import { Protocol } from '../../src/flow/protocol.ts';
import { withReply } from '../../src/flow/reply.ts';
import { Status } from '../../src/flow/status.ts';
import { expectationXml, flowDumpXml, flowXml, internalDumpXml } from '../../src/flow/xml.ts';
import { ESTABLISHED, tcpTuple } from './sample.ts';

const LAYER3 = '<layer3 protonum="2" protoname="ipv4">';
const LAYER4 = '<layer4 protonum="6" protoname="tcp">';

describe('a flow as XML', () => {
  it('has both directions, and what belongs to neither', () => {
    expect(flowDumpXml(withReply({ ...ESTABLISHED, zone: 5, id: 9 }))).toBe(
      `<flow><meta direction="original">${LAYER3}<src>1.1.1.1</src><dst>2.2.2.3</dst></layer3>` +
        `${LAYER4}<sport>1</sport><dport>2</dport></layer4></meta>` +
        `<meta direction="reply">${LAYER3}<src>2.2.2.3</src><dst>1.1.1.1</dst></layer3>` +
        `${LAYER4}<sport>2</sport><dport>1</dport></layer4></meta>` +
        '<meta direction="independent"><state>ESTABLISHED</state><mark>77</mark><zone>5</zone><id>9</id>' +
        '<assured/></meta></flow>\n',
    );
  });

  it('has an empty reply where that is not known', () => {
    expect(flowXml(ESTABLISHED)).toContain(
      '<meta direction="reply"><layer3 protonum="0" protoname="unknown"><src></src><dst></dst></layer3>' +
        '<layer4 protonum="0" protoname="unknown"></layer4></meta>',
    );
  });

  it('has the derived reply in a dump of the internal cache', () => {
    expect(internalDumpXml(ESTABLISHED)).toBe(flowDumpXml(withReply(ESTABLISHED)));
  });

  it('puts the helper behind all, and marks what nobody has answered', () => {
    expect(flowXml({ ...ESTABLISHED, status: 0, helper: 'ftp' })).toMatch(
      /<mark>77<\/mark><unreplied\/><\/meta><helper>ftp<\/helper><\/flow>$/,
    );
  });

  it('has no independent part where nothing is known', () => {
    expect(flowXml({ original: ESTABLISHED.original })).not.toContain('independent');
    expect(flowXml({ original: ESTABLISHED.original, status: Status.SEEN_REPLY })).toContain(
      '<meta direction="independent"></meta>',
    );
  });

  it("names an SCTP state as C's library does", () => {
    const original = { ...ESTABLISHED.original, protocol: Protocol.SCTP };
    expect(flowXml({ original, sctp: { state: 4 } })).toContain('<state>FIN_WAIT</state>');
  });

  it('lets no name break out of its element', () => {
    expect(flowXml({ ...ESTABLISHED, helper: '</helper>&' })).toContain(
      '<helper>&lt;/helper&gt;&amp;</helper></flow>',
    );
  });
});

describe('an expectation as XML', () => {
  it('has expected, mask and master in each layer', () => {
    const xml = expectationXml({
      expected: tcpTuple('10.0.0.1', '10.0.0.2', 0, 1025),
      mask: tcpTuple('255.255.255.255', '255.255.255.255', 0, 65_535),
      master: tcpTuple('10.0.0.2', '10.0.0.1', 40_000, 21),
      timeout: 299,
      flags: 1,
      class: 0,
      helper: 'ftp',
    });
    expect(xml).toBe(
      `<flow>${LAYER3}<expected><src>10.0.0.1</src><dst>10.0.0.2</dst></expected>` +
        '<mask><src>255.255.255.255</src><dst>255.255.255.255</dst></mask>' +
        '<master><src>10.0.0.2</src><dst>10.0.0.1</dst></master></layer3>' +
        `${LAYER4}<expected><sport>0</sport><dport>1025</dport></expected>` +
        '<mask><sport>0</sport><dport>65535</dport></mask>' +
        '<master><sport>40000</sport><dport>21</dport></master></layer4>' +
        '<meta><helper-name>ftp</helper-name><class>0</class><permanent/></meta></flow>',
    );
  });
});
