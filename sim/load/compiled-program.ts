import { fileURLToPath } from 'node:url';

/**
 * The path of a program of this folder, as built: tests run the rest from the sources, which not every Node that is supported can.
 * @param name of its module, without extension
 */
export function compiledProgram(name: string): string {
  const folder = import.meta.url.endsWith('.ts') ? '../../dist/sim/load/' : './';
  return fileURLToPath(new URL(`${folder}${name}.js`, import.meta.url));
}
