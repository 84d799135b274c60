/**
 * What keepalived writes to its notify FIFO (`vrrp_notify_fifo`): one line for each change of state,
 *
 *     INSTANCE "VI_1" MASTER 100
 *     GROUP "G1" BACKUP 0
 *
 * the number being the priority, 0 for a group. A name may hold blanks and quotes.
 * Source: keepalived.conf(5), `notify_fifo` in keepalived/vrrp/vrrp_notify.c.
 */
export interface KeepalivedNotice {
  readonly kind: 'instance' | 'group';
  readonly name: string;
  readonly state: KeepalivedState;
  readonly priority: number;
}

/** States of an instance or group; the events that are no change of state (`MASTER_PRIORITY` and its like) are none. */
export const KEEPALIVED_STATES = ['MASTER', 'BACKUP', 'FAULT', 'STOP', 'DELETED'] as const;
export type KeepalivedState = (typeof KEEPALIVED_STATES)[number];

/** Events that keepalived 2.x writes beside the states: they change nobody's role. */
const EVENTS: ReadonlySet<string> = new Set(['MASTER_RX_LOWER_PRI', 'MASTER_PRIORITY', 'BACKUP_PRIORITY']);

const LINE = /^(INSTANCE|GROUP) "(.*)" ([A-Z_]+) (\d{1,10})$/;

/** The notice in a line without its end; `'event'` for one that changes no state, undefined for what is neither. */
export function parseKeepalivedLine(line: string): KeepalivedNotice | 'event' | undefined {
  const [, kind, name, state, priority] = LINE.exec(line) ?? [];
  if (state === undefined) return undefined;
  if (EVENTS.has(state)) return 'event';
  const known = KEEPALIVED_STATES.find((each) => each === state);
  if (known === undefined) return undefined;
  return {
    kind: kind === 'GROUP' ? 'group' : 'instance',
    name: name!,
    state: known,
    priority: Number(priority),
  };
}
