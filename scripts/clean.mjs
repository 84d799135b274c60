// A build begins with nothing: modules that were moved or removed must not stay behind.
import { rmSync } from 'node:fs';

rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });
