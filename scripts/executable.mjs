// npm links `bin` entries as they are; a compiled file needs its executable bit set.
import { chmodSync, existsSync } from 'node:fs';

const program = new URL('../dist/src/cli/main.js', import.meta.url);
if (existsSync(program)) chmodSync(program, 0o755);
