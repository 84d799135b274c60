// A station in a process of its own: `ip netns exec ... node station.mjs <JSON of { configs, options }>`. It needs the
// build. Commands come as JSON lines on standard input, answers go as JSON lines to standard output.

import { createInterface } from 'node:readline';
import { openLinks } from '../../dist/src/link/links.js';
import { Framing, frameAt } from '../../dist/src/wire/datagram.js';
import { flagsOf, lengthOf, MessageType, sequenceOf, writeHeader } from '../../dist/src/wire/header.js';

const { configs, options } = JSON.parse(process.argv[2]);
const tell = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** Messages that came: consecutive sequence numbers as one run. */
const runs = [];
const senders = new Set();
const came = { messages: 0, broken: 0, eased: 0, longest: 0, links: {}, flags: 0 };
const facts = [];

function heard(link, sequence) {
  came.messages++;
  came.links[link] = (came.links[link] ?? 0) + 1;
  const run = runs.at(-1);
  if (run !== undefined && run[1] + 1 === sequence) run[1] = sequence;
  else runs.push([sequence, sequence]);
}

let links;
try {
  links = await openLinks(
    configs,
    {
      datagram(link, sender, bytes, start, end) {
        senders.add(sender);
        for (let at = start; at < end; at += lengthOf(bytes, at)) {
          if (frameAt(bytes, at, end) !== Framing.MESSAGE) {
            came.broken++;
            break;
          }
          came.flags |= flagsOf(bytes, at);
          came.longest = Math.max(came.longest, lengthOf(bytes, at));
          heard(link, sequenceOf(bytes, at));
        }
      },
      drained() {},
      fact: (fact) => facts.push(fact),
      writable: () => came.eased++,
    },
    options,
  );
} catch (error) {
  tell({ failed: error.message });
  process.exit(1);
}
tell({ ready: true, payloadLimit: links.payloadLimit, warnings: links.warnings });

const scratch = new Uint8Array(70_000);
const operations = {
  /** Sends messages first, first + 1, ... each a datagram of `size` bytes. */
  send({ first, count, size, flags = 16 }) {
    for (let n = first; n < first + count; n++) {
      scratch.fill(n & 0xff, 8, size);
      writeHeader(scratch, 0, MessageType.CONTROL, flags, size, n);
      links.send(scratch, size);
    }
    links.flush();
    return { congested: links.congested };
  },
  figures: () => {
    // The first one is swept by the second.
    gc();
    gc();
    return {
      runs,
      senders: [...senders],
      facts,
      ...came,
      congested: links.congested,
      current: links.current,
      links: links.statistics(),
      byLink: came.links,
      held: process.memoryUsage().arrayBuffers,
    };
  },
  heard: ({ link }) => links.markCurrent(link),
  /** Neither reads nor writes for so long. */
  freeze: ({ milliseconds }) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds),
  async close() {
    const begin = performance.now();
    await links.close();
    return { milliseconds: performance.now() - begin };
  },
};

createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const { id, op, ...rest } = JSON.parse(line);
    tell({ id, answer: (await operations[op](rest)) ?? null });
  })
  .on('close', () => process.exit());
