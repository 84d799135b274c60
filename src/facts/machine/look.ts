/** Looks at the system that fail quietly: what is not there is undefined. */

import { readdirSync, readFileSync } from 'node:fs';

export function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}

export function errorMessageOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

export function textAt(path: string): string | undefined {
  return attempt(() => readFileSync(path, 'utf8'));
}

export function numberAt(path: string): number | undefined {
  const text = textAt(path)?.trim();
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

export function namesIn(path: string): string[] {
  return attempt(() => readdirSync(path)) ?? [];
}
