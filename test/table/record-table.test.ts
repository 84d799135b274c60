import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlowKeyer, type Keyer } from '../../src/table/key.ts';
import { RecordTable, SlotState } from '../../src/table/record-table.ts';
import { ManyFlows } from './records.ts';

/** The first byte is the key, the second its hash, so that a test says what collides; the rest is payload. */
class ByteKeyer implements Keyer {
  private key = 0;

  keyLayoutOf(): number {
    return 0;
  }

  load(bytes: Uint8Array, start: number): number {
    this.key = bytes[start]!;
    return bytes[start + 1]!;
  }

  matches(bytes: Uint8Array, start: number): boolean {
    return bytes[start] === this.key;
  }

  digest(): number {
    return Math.imul(this.key + 1, 0x9e3779b1);
  }
}

function entry(key: number, hash: number, ...payload: readonly number[]): Uint8Array {
  return Uint8Array.of(key, hash, ...payload);
}

function put(table: RecordTable, bytes: Uint8Array, now = 0): number {
  const slot = table.find(bytes, 0, bytes.length);
  if (slot >= 0) {
    table.replace(slot, bytes, 0, bytes.length);
    return slot;
  }
  return table.add(bytes, 0, bytes.length, now);
}

function find(table: RecordTable, bytes: Uint8Array): number {
  return table.find(bytes, 0, bytes.length);
}

function contents(table: RecordTable, slot: number): readonly number[] {
  const at = table.offsetOf(slot);
  return [...table.bytesOf(slot).subarray(at, at + table.sizeOf(slot))];
}

describe('RecordTable', () => {
  it('keeps a record under its slot until it is removed', () => {
    const table = new RecordTable(new ByteKeyer(), 10);
    const slot = put(table, entry(1, 1, 7, 8), 42);
    expect(find(table, entry(1, 1))).toBe(slot);
    expect(contents(table, slot)).toEqual([1, 1, 7, 8]);
    expect(table.stateOf(slot)).toBe(SlotState.NEW);
    expect([table.createdAt(slot), table.updatedAt(slot)]).toEqual([42, 42]);
    table.remove(slot);
    expect(find(table, entry(1, 1))).toBe(-1);
    expect(table.stateOf(slot)).toBe(SlotState.FREE);
    expect(table.size).toBe(0);
  });

  it('replaces a record by a longer or shorter one in the same slot, and leaves its times and state alone', () => {
    const table = new RecordTable(new ByteKeyer(), 10);
    const slot = put(table, entry(1, 1), 5);
    table.setState(slot, SlotState.ALIVE);
    for (const payload of [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1], new Array(300).fill(3)]) {
      expect(put(table, entry(1, 1, ...payload), 99)).toBe(slot);
      expect(contents(table, slot)).toEqual([1, 1, ...payload]);
    }
    expect(table.stateOf(slot)).toBe(SlotState.ALIVE);
    expect(table.createdAt(slot)).toBe(5);
  });

  it('refuses a record beyond its limit, and takes one again when another has gone', () => {
    const table = new RecordTable(new ByteKeyer(), 3);
    const slots = [1, 2, 3].map((key) => put(table, entry(key, 0)));
    expect(put(table, entry(4, 0))).toBe(-1);
    expect(table.size).toBe(3);
    expect(put(table, entry(2, 0, 9))).toBe(slots[1]);
    table.remove(slots[0]!);
    expect(put(table, entry(4, 0))).toBe(slots[0]);
    expect([1, 2, 3, 4].map((key) => find(table, entry(key, 0)))).toEqual([-1, slots[1], slots[2], slots[0]]);
  });

  it('finds what probed past a record that was removed, also across the end of the index', () => {
    // The index begins with 2,048 places, so a hash of -1 lies in the last one and its followers in the first.
    class AtTheEnd extends ByteKeyer {
      override load(bytes: Uint8Array, start: number): number {
        super.load(bytes, start);
        return bytes[start + 1]! - 3;
      }
    }
    const table = new RecordTable(new AtTheEnd(), 100);
    const homes = [0, 1, 1, 2, 0, 2, 3, 3, 1, 4];
    const slots = homes.map((home, key) => put(table, entry(key, home)));
    const gone = new Set<number>();
    for (const key of [1, 0, 5, 9, 3, 2, 8]) {
      table.remove(slots[key]!);
      gone.add(key);
      homes.forEach((home, other) => {
        expect(find(table, entry(other, home))).toBe(gone.has(other) ? -1 : slots[other]);
      });
    }
  });

  it('keeps every slot while it grows', () => {
    const table = new RecordTable(new FlowKeyer(1), 100_000);
    const flows = new ManyFlows();
    const slots: number[] = [];
    for (let n = 0; n < 20_000; n++) {
      flows.set(n);
      slots.push(put(table, flows.bytes));
    }
    expect(table.slots).toBe(20_000);
    for (let n = 0; n < 20_000; n++) {
      flows.set(n);
      if (find(table, flows.bytes) !== slots[n]) expect.fail(`flow ${n} is not in its slot`);
    }
  });

  it('forgets everything when it is cleared, and can be used again', () => {
    const table = new RecordTable(new FlowKeyer(1), 100_000);
    const flows = new ManyFlows();
    for (let n = 0; n < 5000; n++) {
      flows.set(n);
      put(table, flows.bytes);
    }
    table.remove(17);
    table.clear();
    expect([table.size, table.slots]).toEqual([0, 0]);
    for (let n = 0; n < 5000; n++) {
      flows.set(n);
      if (find(table, flows.bytes) !== -1) expect.fail(`flow ${n} is still there`);
    }
    flows.set(3);
    expect(put(table, flows.bytes)).toBe(0);
    expect(find(table, flows.bytes)).toBe(0);
  });

  it('leaves nothing behind when a record is larger than a block may be', () => {
    const table = new RecordTable(new ByteKeyer(), 10);
    const huge = new Uint8Array(5000);
    expect(find(table, huge)).toBe(-1);
    expect(() => table.add(huge, 0, huge.length, 0)).toThrow(RangeError);
    expect([table.size, table.slots]).toEqual([0, 0]);
    expect(put(table, entry(1, 1))).toBe(0);
  });

  it('behaves as a map from keys to records, under collisions, growth and its limit (against a model)', {
    timeout: 60_000,
  }, () => {
    const step = fc.oneof(
      {
        weight: 80,
        arbitrary: fc.record({
          kind: fc.constant('put' as const),
          key: fc.nat(255),
          payload: fc.array(fc.nat(255), { maxLength: 40 }),
        }),
      },
      { weight: 50, arbitrary: fc.record({ kind: fc.constant('remove' as const), key: fc.nat(255) }) },
      { weight: 10, arbitrary: fc.constant({ kind: 'sweep' as const }) },
      { weight: 1, arbitrary: fc.constant({ kind: 'clear' as const }) },
    );
    // Few hashes or all of them, limits that are met or not.
    const shape = fc.record({ hashes: fc.constantFrom(1, 2, 7, 256), limit: fc.constantFrom(1, 20, 1000) });
    fc.assert(
      fc.property(shape, fc.array(step, { maxLength: 400, size: 'max' }), ({ hashes, limit }, steps) => {
        const table = new RecordTable(new ByteKeyer(), limit);
        const model = new Map<number, { slot: number; bytes: Uint8Array }>();
        for (const step of steps) {
          if (step.kind === 'put') {
            const bytes = entry(step.key, step.key % hashes, ...step.payload);
            const known = model.get(step.key);
            const slot = put(table, bytes);
            if (known) expect(slot).toBe(known.slot);
            else if (model.size === limit) expect(slot).toBe(-1);
            else expect(slot).toBeGreaterThanOrEqual(0);
            if (slot >= 0) model.set(step.key, { slot, bytes });
          } else if (step.kind === 'remove') {
            const slot = find(table, entry(step.key, step.key % hashes));
            expect(slot).toBe(model.get(step.key)?.slot ?? -1);
            if (slot >= 0) table.remove(slot);
            model.delete(step.key);
          } else if (step.kind === 'clear') {
            table.clear();
            model.clear();
          }
          expect(table.size).toBe(model.size);
          if (step.kind === 'put' || step.kind === 'remove') continue;
          for (let key = 0; key < 256; key++) {
            if (find(table, entry(key, key % hashes)) !== (model.get(key)?.slot ?? -1))
              expect.fail(`key ${key}`);
          }
        }
        for (const { slot, bytes } of model.values()) expect(contents(table, slot)).toEqual([...bytes]);
        const taken = new Set([...model.values()].map(({ slot }) => slot));
        expect(taken.size).toBe(model.size);
        for (let slot = 0; slot < table.slots; slot++) {
          if ((table.stateOf(slot) !== SlotState.FREE) !== taken.has(slot)) expect.fail(`slot ${slot}`);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('has the digest of the records that are not dead, whatever happened before, in what order and under what seed', () => {
    const step = fc.record({
      key: fc.nat(30),
      what: fc.constantFrom('put', 'put', 'kill', 'remove', 'clear-seldom'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
        const table = new RecordTable(new FlowKeyer(1), 1000);
        const flows = new ManyFlows();
        const alive = new Set<number>();
        for (const { key, what } of steps) {
          flows.set(key);
          const slot = find(table, flows.bytes);
          if (what === 'put') {
            if (slot < 0) put(table, flows.bytes);
            else table.setState(slot, SlotState.ALIVE);
            alive.add(key);
          } else if (what === 'kill' && slot >= 0) {
            table.setState(slot, SlotState.DEAD);
            alive.delete(key);
          } else if (what === 'remove' && slot >= 0) {
            table.remove(slot);
            alive.delete(key);
          } else if (what === 'clear-seldom' && key === 0) {
            table.clear();
            alive.clear();
          }
        }
        const other = new RecordTable(new FlowKeyer(99), 1000);
        for (const key of [...alive].toSorted((a, b) => b - a)) {
          flows.set(key);
          put(other, flows.bytes);
        }
        expect(other.digest).toBe(table.digest);
        flows.set(77);
        put(other, flows.bytes);
        expect(other.digest).not.toBe(table.digest);
      }),
    );
  });

  it('holds a million NATed flows in less than 200 bytes each, and uses that memory again', {
    timeout: 60_000,
  }, () => {
    const COUNT = 1_000_000;
    const table = new RecordTable(new FlowKeyer(0x5eed), COUNT);
    const flows = new ManyFlows();
    const fill = (count: number): void => {
      for (let n = 0; n < count; n++) {
        flows.set(n);
        if (find(table, flows.bytes) >= 0) expect.fail(`flow ${n} is there before it was added`);
        if (table.add(flows.bytes, 0, flows.length, 0) < 0) expect.fail(`flow ${n} was refused`);
      }
    };
    fill(COUNT);
    expect(table.size).toBe(COUNT);
    flows.set(COUNT);
    expect(put(table, flows.bytes)).toBe(-1);
    const { memory } = table;
    expect(memory / COUNT).toBeLessThan(200);

    for (let n = 0; n < COUNT; n++) {
      flows.set(n);
      const slot = find(table, flows.bytes);
      if (slot < 0) expect.fail(`flow ${n} was lost`);
      table.remove(slot);
    }
    expect(table.size).toBe(0);
    for (let slot = 0; slot < table.slots; slot++) {
      if (table.stateOf(slot) !== SlotState.FREE) expect.fail(`slot ${slot} is not free`);
    }

    fill(COUNT / 4);
    expect(table.memory).toBe(memory);
    expect(table.slots).toBe(COUNT);
  });
});
