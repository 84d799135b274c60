import type { Host } from './host.ts';
import type { TableRecords } from './records.ts';

/**
 * Whether what a host's external cache had no room for may still be missing. Where nodes heal themselves, ours asks for it once a
 * sixteenth is free.
 */
export function mayLackRoom(host: Host, hosts: readonly Host[], healsItself: boolean): boolean {
  const { daemon, options } = host;
  if (daemon!.losses.refusedExternal === 0) return false;
  if (options.program === 'c' || !healsItself) return true;
  const room = options.hashLimit - options.hashLimit / 16;
  const others = hosts.filter((one) => one !== host).map((one) => one.daemon!.internal());
  return (['flows', 'expectations'] as const).some((part) => sizeOf(others, part) > room);
}

function sizeOf(tables: readonly TableRecords[], part: keyof TableRecords): number {
  return new Set(tables.flatMap((table) => [...table[part].keys()])).size;
}
