import type { ValueKind } from './value.ts';

/** What may be said of an attribute beside its number, its kind of value, and where its value comes from. */
export interface AttributeTraits {
  /** A record without it means nothing. Of attributes that exclude each other one is enough. */
  readonly required?: true;
  /** Part of what tells two records apart. */
  readonly key?: true;
  /** Never sent: only records of our own kernel have it. */
  readonly local?: true;
  /** A request template copies the value into the request, whatever it is (`kernel/codec/request-template.ts`). */
  readonly template?: true;
  /** A request that updates an entry of the kernel carries it. */
  readonly update?: true;
}

/**
 * One attribute of a format.
 * @typeParam Source what is encoded
 * @typeParam Parts what a decoded record is put together from
 */
export interface AttributeRow<Source, Parts> extends AttributeTraits {
  readonly type: number;
  readonly kind: Pick<ValueKind<never>, 'size' | 'tlvMax' | 'variable'>;
  /** The value's bytes; undefined if the source has none. @throws RangeError for a value that the field cannot hold */
  encode(source: Source): Uint8Array | undefined;
  /** Puts the value `bytes[at, at + size)` where it belongs. */
  decode(parts: Parts, bytes: Uint8Array, at: number, size: number): void;
}

/** Makes rows of one format. */
export function rowsOf<Source, Parts>() {
  return <V>(
    type: number,
    kind: ValueKind<V>,
    get: (source: Source) => V | undefined,
    set: (parts: Parts, value: V) => void,
    traits: AttributeTraits = {},
  ): AttributeRow<Source, Parts> => ({
    ...traits,
    type,
    kind,
    encode: (source) => {
      const value = get(source);
      return value === undefined ? undefined : kind.write(value);
    },
    decode: (parts, bytes, at, size) => set(parts, kind.read(bytes, at, size)),
  });
}

/** A format's attributes in the order the C node sends them. Those in one place exclude each other: the last one counts. */
export type AttributeOrder<Source, Parts> = readonly (readonly AttributeRow<Source, Parts>[])[];

/** What follows from a format's rows, by type. */
export class AttributeTable<Source, Parts> {
  /** By type. */
  readonly rows: readonly AttributeRow<Source, Parts>[];
  /** In the order in which they are sent. */
  readonly sent: readonly AttributeRow<Source, Parts>[];
  /** Types 0 to `wireTypes - 1` travel; those above are local. */
  readonly wireTypes: number;
  /** Value size in bytes by type; -1 if it varies. */
  readonly valueSize: Int16Array;
  /** Place in sending order by type. */
  readonly rank: Uint8Array;
  readonly ranks: number;

  /** @throws Error if the types are not 0, 1, 2 and so on, the local ones last */
  constructor(order: AttributeOrder<Source, Parts>) {
    this.sent = order.flat();
    this.rows = this.sent.toSorted((a, b) => a.type - b.type);
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

  /** The types of the rows of which this is true. */
  typesWith(test: (row: AttributeRow<Source, Parts>) => boolean | undefined): ReadonlySet<number> {
    return new Set(this.rows.filter(test).map(({ type }) => type));
  }
}
