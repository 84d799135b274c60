import type { ValueKind } from './value.ts';

/**
 * Optional properties of an attribute, besides its number, its kind of value, and the source of its value.
 */
export interface AttributeTraits {
  /** A record without it is malformed. Of mutually exclusive attributes, one is enough. */
  readonly required?: true;
  /** Part of a record's key. */
  readonly key?: true;
  /** Never sent: only records of this node's own kernel have it. */
  readonly local?: true;
  /** Request templates copy the value unconditionally (`kernel/codec/request-template.ts`). */
  readonly template?: true;
  /** A request that updates a kernel entry carries it. */
  readonly update?: true;
}

/**
 * One attribute of a record format.
 * @typeParam Source the object to encode
 * @typeParam Parts the parts from which a decoded record is assembled
 */
export interface AttributeRow<Source, Parts> extends AttributeTraits {
  readonly type: number;
  readonly kind: Pick<ValueKind<never>, 'size' | 'tlvMax' | 'variable'>;
  /**
   * Encodes the value; undefined if the source has none. @throws RangeError for a value that the field
   * cannot hold
   */
  encode(source: Source): Uint8Array | undefined;
  /** Stores the value `bytes[at, at + size)` in `parts`. */
  decode(parts: Parts, bytes: Uint8Array, at: number, size: number): void;
}

/**
 * Returns a function that makes rows of one format. Each row brings a `decode` of its own, which reads the value
 * and stores it: a shared one would call two functions that vary by row, which takes longer than their work.
 */
export function rowsOf<Source, Parts>() {
  return <V>(
    type: number,
    kind: ValueKind<V>,
    get: (source: Source) => V | undefined,
    decode: AttributeRow<Source, Parts>['decode'],
    traits: AttributeTraits = {},
  ): AttributeRow<Source, Parts> => ({
    ...traits,
    type,
    kind,
    encode: (source) => {
      const value = get(source);
      return value === undefined ? undefined : kind.write(value);
    },
    decode,
  });
}

/**
 * A format's attributes in the C node's sending order. Attributes at the same position exclude each other:
 * the last one counts.
 */
export type AttributeOrder<Source, Parts> = readonly (readonly AttributeRow<Source, Parts>[])[];

/** Properties of a format that follow from its rows, by type. */
export class AttributeTable<Source, Parts> {
  /** By type. */
  readonly rows: readonly AttributeRow<Source, Parts>[];
  /** `decode` of each row, by type. Rows have various shapes, from which reading a property is slow. */
  readonly decoders: readonly AttributeRow<Source, Parts>['decode'][];
  /** In sending order. */
  readonly sent: readonly AttributeRow<Source, Parts>[];
  /** Types 0 to `wireTypes - 1` go on the wire; higher ones are local. */
  readonly wireTypes: number;
  /** Value size in bytes by type; -1 if it varies. */
  readonly valueSize: Int16Array;
  /** Position in sending order by type. */
  readonly rank: Uint8Array;
  readonly ranks: number;

  /** @throws Error if the types are not numbered 0, 1, 2 and so on, with the local ones last */
  constructor(order: AttributeOrder<Source, Parts>) {
    this.sent = order.flat();
    this.rows = this.sent.toSorted((a, b) => a.type - b.type);
    this.decoders = this.rows.map(({ decode }) => decode);
    this.ranks = order.length;
    this.wireTypes = this.rows.filter(({ local }) => !local).length;
    this.rows.forEach(({ type, local = false }, n) => {
      if (type !== n || local !== n >= this.wireTypes) throw new Error(`attribute ${type} is out of place`);
    });
    this.valueSize = Int16Array.from(this.rows, ({ kind }) => kind.size);
    this.rank = new Uint8Array(this.rows.length);
    order.forEach((place, rank) => {
      for (const { type } of place) this.rank[type] = rank;
    });
  }

  /** The types of the rows for which `test` is true. */
  typesWith(test: (row: AttributeRow<Source, Parts>) => boolean | undefined): ReadonlySet<number> {
    return new Set(this.rows.filter(test).map(({ type }) => type));
  }
}
