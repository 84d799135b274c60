/** Groups in their order, with all that is shown of them: what the screen, the lines and JSON share. */

import type { GroupTable } from '../group/group-table.ts';

/** One reading of the table, and what happened before it. */
export interface Reading {
  readonly table: GroupTable;
  /** Flows that began in the window; undefined where nobody listened. */
  readonly began?: GroupTable;
  /** Flows that ended in it. */
  readonly ended?: GroupTable;
  /** The reading at the begin of the window. */
  readonly before?: GroupTable;
  /** How long the window was. */
  readonly seconds: number;
}

export interface GroupRow {
  readonly key: string;
  readonly flows: number;
  /** Of all flows that passed the filter: 0 to 1. */
  readonly share: number;
  readonly newPerSecond?: number;
  readonly unreplied: number;
  readonly bytes?: number;
  readonly packets?: number;
  readonly bytesPerSecond?: number;
}

export const ORDERS = ['flows', 'new', 'unreplied', 'bytes', 'rate'] as const;
/** What groups are sorted by: the greatest first. */
export type Order = (typeof ORDERS)[number];

function newPerSecond({ began, table, seconds }: Reading, group: number): number | undefined {
  if (began === undefined || seconds <= 0) return undefined;
  const there = began.find(table, group);
  return there < 0 ? 0 : began.at(there).flows / seconds;
}

function bytesPerSecond(reading: Reading, group: number): number | undefined {
  const { before, ended, table, seconds } = reading;
  if (before === undefined || !table.isCounted || seconds <= 0) return undefined;
  const bytesIn = (other: GroupTable | undefined) => {
    const there = other?.find(table, group) ?? -1;
    return there < 0 ? 0 : other!.at(there).bytes;
  };
  return Math.max(0, table.at(group).bytes + bytesIn(ended) - bytesIn(before)) / seconds;
}

function sortValue(reading: Reading, order: Order, group: number): number {
  if (order === 'new') return newPerSecond(reading, group) ?? 0;
  if (order === 'rate') return bytesPerSecond(reading, group) ?? 0;
  return reading.table.at(group)[order];
}

function rowOf(reading: Reading, group: number): GroupRow {
  const { table } = reading;
  const { flows, unreplied, bytes, packets } = table.at(group);
  const began = newPerSecond(reading, group);
  const rate = bytesPerSecond(reading, group);
  return {
    key: table.keyText(group),
    flows,
    share: table.flows === 0 ? 0 : flows / table.flows,
    ...(began === undefined ? {} : { newPerSecond: began }),
    unreplied,
    ...(table.isCounted ? { bytes, packets } : {}),
    ...(rate === undefined ? {} : { bytesPerSecond: rate }),
  };
}

/** The first `limit` groups. Among equals those with more flows come first, and then those that were seen first. */
export function* rank(reading: Reading, order: Order, limit: number): Generator<GroupRow> {
  const { table } = reading;
  const values = Float64Array.from({ length: table.size }, (_, group) => sortValue(reading, order, group));
  for (const group of firstGroups(values, table, limit)) yield rowOf(reading, group);
}

function firstGroups(values: Float64Array, table: GroupTable, limit: number): number[] {
  const compare = (one: number, other: number) =>
    values[other]! - values[one]! || table.flowsOf(other) - table.flowsOf(one) || one - other;
  let kept: number[] = [];
  // A million groups are not sorted to show twenty.
  const most = Math.max(1024, 2 * limit);
  let least = Number.NEGATIVE_INFINITY;
  for (let group = 0; group < values.length; group++) {
    if (values[group]! < least) continue;
    kept.push(group);
    if (kept.length < most) continue;
    kept = kept.sort(compare).slice(0, limit);
    if (kept.length === limit) least = values[kept.at(-1)!]!;
  }
  return kept.sort(compare).slice(0, limit);
}

/** What all groups come to. */
export interface Total {
  readonly flows: number;
  readonly unreplied: number;
  readonly groups: number;
  readonly newPerSecond?: number;
  readonly endedPerSecond?: number;
  /** Flows beyond the groups that a table holds. */
  readonly ungrouped: number;
}

export function totalOf({ table, began, ended, seconds }: Reading): Total {
  const { flows, unreplied, size, ungrouped } = table;
  const rates = began !== undefined && ended !== undefined && seconds > 0;
  return {
    flows,
    unreplied,
    groups: size,
    ungrouped,
    ...(rates ? { newPerSecond: began.flows / seconds, endedPerSecond: ended.flows / seconds } : {}),
  };
}
