// Fuzzes a reader of datagrams that trusts their headers: node fuzzer.mjs. Needs fast-check.
import { fuzzTarget, generatedDatagrams } from 'conntrackd-ts/fuzzer';

/** The sequence numbers of the messages in a datagram. */
function sequenceNumbers(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found = [];
  for (let at = 0; at < bytes.length; at += Math.max(8, view.getUint16(at + 2))) {
    found.push(view.getUint32(at + 4));
  }
  return found;
}

const target = {
  name: 'my reader',
  grammar: 'datagram',
  weight: 1,
  seeds: (random) => generatedDatagrams(random, 20),
  run(input, length) {
    sequenceNumbers(input.subarray(0, length));
    return 1;
  },
};

for (const { message, input } of await fuzzTarget(target, { seed: 1, cases: 20_000 })) {
  console.log(`${message}\n  ${input.length} bytes: ${Buffer.from(input).toString('hex').slice(0, 64)}`);
}
