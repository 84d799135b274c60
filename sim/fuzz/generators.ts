import fc from 'fast-check';
import { formatAddress } from '../../src/flow/address.ts';
import type { Expectation } from '../../src/flow/expectation.ts';
import type { Flow, SequenceAdjustment, Translation } from '../../src/flow/flow.ts';
import { isIcmp, Protocol, sendsPorts } from '../../src/flow/protocol.ts';
import type { Ports, Tuple } from '../../src/flow/tuple.ts';
import { HELPER_NAME_MAX, LABELS_VALUE_MAX, TLV_HEADER } from '../../src/wire/attribute.ts';
import { FN_NAME_MAX } from '../../src/wire/expectation-attributes.ts';

/**
 * Arbitrary flows and expectations that a record can hold: what is generated is what decoding the encoded record gives.
 * A field that is not in the record is absent here, never `undefined`.
 */

export const u8 = (): fc.Arbitrary<number> => fc.integer({ min: 0, max: 0xff });
export const u16 = (): fc.Arbitrary<number> => fc.integer({ min: 0, max: 0xffff });
export const u32 = (): fc.Arbitrary<number> =>
  fc.oneof(
    fc.integer({ min: 0, max: 0xffff_ffff }),
    fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
  );

/** An address as text; runs of zero bytes are frequent, so that all of IPv6's short forms come up. */
export function address(family: 4 | 6): fc.Arbitrary<string> {
  const byte = fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: u8() });
  const length = family === 4 ? 4 : 16;
  return fc
    .array(byte, { minLength: length, maxLength: length })
    .map((bytes) => formatAddress(family, Uint8Array.from(bytes), 0));
}

export const family = (): fc.Arbitrary<4 | 6> => fc.constantFrom(4, 6);

/** A layer 4 protocol: mostly one that conntrack knows by name. */
export const protocol = (): fc.Arbitrary<number> =>
  fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...Object.values(Protocol)) },
    { weight: 1, arbitrary: u8() },
  );

export const ports = (): fc.Arbitrary<Ports> => fc.record({ source: u16(), destination: u16() });

/** A name of 1 to `max` bytes that are not NUL; mostly printable. */
export function name(max: number): fc.Arbitrary<string> {
  const character = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789-_.') },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 0xff }).map((byte) => String.fromCharCode(byte)) },
  );
  return fc.array(character, { minLength: 1, maxLength: max }).map((characters) => characters.join(''));
}

function addresses(of: 4 | 6): fc.Arbitrary<Pick<Tuple, 'family' | 'source' | 'destination'>> {
  return fc.record({ family: fc.constant(of), source: address(of), destination: address(of) });
}

/** The tuple of an expectation or a master: ports with any protocol, as the receiver accepts them. */
export function plainTuple(of: 4 | 6): fc.Arbitrary<Tuple> {
  return fc
    .tuple(addresses(of), fc.record({ protocol: protocol(), ports: ports() }, { requiredKeys: ['protocol'] }))
    .map(([ends, rest]) => ({ ...ends, ...rest }));
}

/** The original tuple of a flow of this protocol: ports or ICMP's fields only where they travel. */
export function originalTuple(of: 4 | 6, number: number): fc.Arbitrary<Tuple> {
  return fc
    .tuple(
      addresses(of),
      sendsPorts(number) ? fc.option(ports(), { nil: undefined }) : fc.constant(undefined),
      isIcmp(number)
        ? fc.option(fc.record({ type: u8(), code: u8(), id: u16() }), { nil: undefined })
        : fc.constant(undefined),
    )
    .map(([ends, itsPorts, icmp]) => ({
      ...ends,
      protocol: number,
      ...(itsPorts ? { ports: itsPorts } : {}),
      ...(icmp ? { icmp } : {}),
    }));
}

function translation(of: 4 | 6): fc.Arbitrary<Translation> {
  return fc
    .record({ address: address(of), port: u16() }, { requiredKeys: [] })
    .filter((end) => end.address !== undefined || end.port !== undefined);
}

const adjustment = (): fc.Arbitrary<SequenceAdjustment> =>
  fc.record({ position: u32(), offsetBefore: u32(), offsetAfter: u32() });

function notEmpty<T extends object>(parts: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return parts.filter((value) => Object.keys(value).length > 0);
}

/** Attributes that go with one protocol only. */
function protocolInfo(number: number): fc.Arbitrary<Pick<Flow, 'tcp' | 'sctp' | 'dccp'>> {
  const optional = { requiredKeys: [] };
  switch (number) {
    case Protocol.TCP:
      return fc.record(
        {
          tcp: notEmpty(
            fc.record(
              { state: fc.integer({ min: 0, max: 9 }), scaleOriginal: u8(), scaleReply: u8() },
              optional,
            ),
          ),
        },
        optional,
      );
    case Protocol.SCTP:
      return fc.record(
        { sctp: notEmpty(fc.record({ state: u8(), tagOriginal: u32(), tagReply: u32() }, optional)) },
        optional,
      );
    case Protocol.DCCP:
      return fc.record({ dccp: notEmpty(fc.record({ state: u8(), role: u8() }, optional)) }, optional);
    default:
      return fc.constant({});
  }
}

/** Any flow that a record holds whole. */
export function flow(): fc.Arbitrary<Flow> {
  return fc.tuple(family(), protocol()).chain(([of, number]) =>
    fc
      .tuple(
        originalTuple(of, number),
        protocolInfo(number),
        fc.record(
          {
            status: u32(),
            timeout: u32(),
            mark: u32(),
            master: family().chain(plainTuple),
            sourceNat: translation(of),
            destinationNat: translation(of),
            sequenceAdjustment: fc.record({ original: adjustment(), reply: adjustment() }),
            helper: name(HELPER_NAME_MAX),
            labels: fc.array(u32(), { minLength: 1, maxLength: LABELS_VALUE_MAX / TLV_HEADER }),
            synproxy: fc.record({ its: u32(), isn: u32(), tsoff: u32() }),
            zone: u16(),
          },
          { requiredKeys: [] },
        ),
      )
      .map(([original, info, rest]) => ({ original, ...info, ...rest })),
  );
}

/** The translation of an expectation. No attribute carries an IPv6 address there: it is always `::`. */
function translationTuple(): fc.Arbitrary<Tuple> {
  return family().chain((of) =>
    plainTuple(of).map((tuple) => (of === 4 ? tuple : { ...tuple, source: '::', destination: '::' })),
  );
}

/** Any expectation that a record holds whole. */
export function expectation(): fc.Arbitrary<Expectation> {
  return family().chain((of) =>
    fc.record(
      {
        master: plainTuple(of),
        expected: plainTuple(of),
        mask: plainTuple(of),
        timeout: u32(),
        flags: u32(),
        class: u32(),
        nat: fc.record({ tuple: translationTuple(), direction: u32() }, { requiredKeys: ['tuple'] }),
        helper: name(HELPER_NAME_MAX),
        function: name(FN_NAME_MAX),
      },
      { requiredKeys: ['master', 'expected'] },
    ),
  );
}
