import { expect } from 'vitest';
import { ConfigError } from '../../src/config/error.ts';
import { parseConfig } from '../../src/config/parse.ts';

/** True if the text is a configuration, false if it is refused as it should be. */
export function accepts(text: string): boolean {
  try {
    parseConfig(text, 'random.conf');
    return true;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const lines = text.split('\n');
    expect(error.message).not.toMatch(/[\n\r]/);
    expect(error.message).toContain(`random.conf:${error.line}:${error.column}: `);
    expect(error.line).toBeGreaterThanOrEqual(1);
    expect(error.line).toBeLessThanOrEqual(lines.length);
    expect(error.column).toBeGreaterThanOrEqual(1);
    expect(error.column).toBeLessThanOrEqual(lines[error.line - 1]!.length + 1);
    return false;
  }
}
