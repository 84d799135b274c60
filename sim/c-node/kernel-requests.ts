import { readU16 } from '../../src/bytes/integers.ts';
import type { Origin } from '../../src/flow/change.ts';
import type { Batch, Kernel, KernelSink } from '../../src/kernel/kernel.ts';
import { Attr } from '../../src/wire/attribute.ts';
import { findAttribute } from '../../src/wire/record.ts';
import type { Kind } from './identity.ts';
import { EXPECTATIONS } from './identity.ts';

/** The requests of a C node to the kernel, one at a time. Each returns 0 or an errno. */
export class KernelRequests {
  private readonly kernel: Kernel;
  private readonly batch: Batch;
  private readonly liberal: boolean;

  /** @param liberal whether the kernel does not check TCP windows of created flows */
  constructor(kernel: Kernel, origin: Origin, liberal: boolean) {
    this.kernel = kernel;
    this.batch = kernel.batch(origin);
    this.liberal = liberal;
  }

  private ask(add: (batch: Batch) => void): number {
    this.batch.clear();
    add(this.batch);
    return this.kernel.run(this.batch)[0]!;
  }

  /** @param timeout seconds; 0: the record's own */
  create(kind: Kind, record: Uint8Array, timeout: number): number {
    return this.ask((batch) => {
      if (kind === EXPECTATIONS) batch.createExpectation(record, 0, record.length, timeout);
      else batch.create(record, 0, record.length, timeout, this.liberal);
    });
  }

  /** Updates a flow. */
  update(record: Uint8Array): number {
    return this.ask((batch) => batch.update(record, 0, record.length, 0, this.liberal));
  }

  remove(kind: Kind, record: Uint8Array): number {
    return this.ask((batch) => {
      if (kind === EXPECTATIONS) batch.removeExpectation(record, 0, record.length);
      else batch.remove(record, 0, record.length);
    });
  }

  /** True if the kernel has the record. C omits the zone, so it never finds a flow in a zone. */
  exists(kind: Kind, record: Uint8Array): boolean {
    const asked = kind === EXPECTATIONS ? record : withoutZone(record);
    return (
      this.ask((batch) => {
        if (kind === EXPECTATIONS) batch.probeExpectation(asked, 0, asked.length);
        else batch.probe(asked, 0, asked.length);
      }) === 0
    );
  }

  /** Removes all flows, one after the other. */
  flushFlows(): void {
    const records: Uint8Array[] = [];
    dump(this.kernel, 'flow', (record) => records.push(record.slice()));
    for (const record of records) {
      this.ask((batch) => batch.remove(record, 0, record.length));
    }
  }
}

function withoutZone(record: Uint8Array): Uint8Array {
  const at = findAttribute(record, 0, record.length, Attr.ZONE);
  if (at < 0) return record;
  const end = at + ((readU16(record, at) + 3) & ~3);
  const rest = new Uint8Array(record.length - (end - at));
  rest.set(record.subarray(0, at));
  rest.set(record.subarray(end), at);
  return rest;
}

/** Dumps a table of the kernel from beginning to end. */
export function dump(kernel: Kernel, what: 'flow' | 'expectation', take: (record: Uint8Array) => void): void {
  const sink: KernelSink = {
    flow: (_change, _origin, bytes, length) => take(bytes.subarray(0, length)),
    expectation: (_change, _origin, bytes, length) => take(bytes.subarray(0, length)),
    traffic: () => {},
  };
  const dumping = what === 'flow' ? kernel.dumpFlows() : kernel.dumpExpectations();
  try {
    while (!dumping.step(sink));
  } finally {
    dumping.close();
  }
}
