// The interop grid, with what the laboratory needs installed first where that is possible. Arguments: docs/interop.md.
import { installMissing, unfit } from './system-packages.mjs';

const words = process.argv.slice(2);
const asksForC =
  !words.some((word) => word.startsWith('--node')) || words.some((word) => /^(--node=)?c$/.test(word));
const needed = ['ip', 'nft', 'conntrack', 'tcpdump'];
if (asksForC && !process.env.CONNTRACKD) needed.push('conntrackd');
if (unfit() === undefined && !/^(--help|-h|--list)$/.test(words.join(' '))) installMissing(needed);
await import('../dist/sim/interop/main.js');
