import { writeFileSync } from 'node:fs';

/** The name under which scripts look for the daemon: pgrep, pidof, keepalived's track_process, monitoring. */
export const PROCESS_NAME = 'conntrackd';

/**
 * Gives the process the C program's name: as its `comm`, and as the beginning of its command line.
 * @param args the program's arguments, which follow the name in the command line
 */
export function nameProcess(args: readonly string[]): void {
  // libuv cuts the title to the room that the original command line took, and writes its beginning to `comm` as well.
  process.title = [PROCESS_NAME, ...args].join(' ');
  try {
    writeFileSync('/proc/self/comm', PROCESS_NAME);
  } catch {
    // Without /proc nobody looks there either.
  }
}
