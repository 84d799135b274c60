import { describe, expect, it } from 'vitest';
import { tftp } from '../../src/helper/tftp.ts';
import { CLIENT, CLIENT_6, flowOf, PUBLIC, packet, SERVER, SERVER_6, sourceTranslated } from './flows.ts';

const flow = flowOf(CLIENT, SERVER, 'udp', [2000, 69]);
const READ = '\0\x01boot.img\0octet\0';

const inspect = (payload: string, on = flow, direction: 'original' | 'reply' = 'original') =>
  tftp.inspect(packet(direction, payload), on, undefined);

describe('tftp', () => {
  it.each([READ, '\0\x02boot.img\0netascii\0', `${READ}blksize\x001432\0`])(
    'expects the answer from any port of the server: %j',
    (payload) => {
      for (const on of [flow, flowOf(CLIENT_6, SERVER_6, 'udp', [2000, 69])]) {
        const { family, source, destination } = on.reply;
        const all = family === 4 ? '255.255.255.255' : 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
        const ends = { family, protocol: 17 };
        expect(inspect(payload, on)).toEqual({
          verdict: 'accept',
          expected: [
            {
              expectation: {
                master: on.original,
                expected: { ...ends, source, destination, ports: { source: 0, destination: 2000 } },
                mask: { ...ends, source: all, destination: all, ports: { source: 0, destination: 0xffff } },
              },
            },
          ],
        });
      }
    },
  );

  it('expects it at the translated port, and translates it back', () => {
    const translated = sourceTranslated(flow, PUBLIC);
    const on = { ...translated, reply: { ...translated.reply, ports: { source: 69, destination: 5000 } } };
    const { expected } = inspect(READ, on);
    expect(expected).toHaveLength(1);
    expect(expected[0]!.nat).toBeUndefined();
    expect(expected[0]!.expectation).toMatchObject({
      expected: { source: SERVER, destination: PUBLIC, ports: { destination: 5000 } },
      function: 'nat-follow-master',
      nat: {
        direction: 1,
        tuple: { source: '0.0.0.0', protocol: 17, ports: { source: 2000, destination: 0 } },
      },
    });
  });

  it.each([
    '',
    '\0',
    '\0\x01',
    '\0\x01boot.img',
    '\0\x01boot.img\0octet',
    '\0\x01\0octet\0',
    '\0\x01boot.img\0\0',
    '\0\x03\0\x01data\0x\0',
    '\0\x04\0\x01',
    '\0\x05\0\x01no\0',
    '\x01\x01boot.img\0octet\0',
  ])('expects nothing of %j', (payload) => {
    expect(inspect(payload)).toEqual({ verdict: 'accept', expected: [] });
  });

  it('expects nothing of a request in an answer', () => {
    expect(inspect(READ, flow, 'reply').expected).toEqual([]);
  });
});
