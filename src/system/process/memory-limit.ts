import { totalmem } from 'node:os';

/**
 * Bytes that the control group allows this process (`memory.max`, or `memory.limit_in_bytes` of version 1); undefined: all
 * there are.
 */
export function memoryLimit(): number | undefined {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : undefined;
}
