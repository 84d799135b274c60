import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { libc } from '../../src/system/libc.ts';

const nativeModulesLoaded = () => /koffi.*\.node/.test(readFileSync('/proc/self/maps', 'utf8'));

it.skipIf(process.platform !== 'linux')(
  'loads koffi when the first system call is wanted, not on import',
  () => {
    expect(nativeModulesLoaded()).toBe(false);
    libc();
    expect(nativeModulesLoaded()).toBe(true);
    expect(libc()).toBe(libc());
  },
);
