/** Gathers the facts about this machine. Nothing here changes anything, and nothing throws. */

import { statSync } from 'node:fs';
import { release } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { Ctnetlink } from '../kernel/ctnetlink/ctnetlink.ts';
import { readTableStatistics, type TableStatistics } from '../kernel/listing/table-statistics.ts';
import { libc } from '../system/libc.ts';
import { memoryLimit } from '../system/process/memory-limit.ts';
import { daemonFact, figuresOf, lockAt, socketState } from './daemon/control-socket.ts';
import { type CtnetlinkFact, FACTS_VERSION, type Facts, SETTING_NAMES, type Settings } from './facts.ts';
import { type CpuCounters, cpuFacts, readCpuCounters } from './kernel/cpu-load.ts';
import { EventCount } from './kernel/event-count.ts';
import { readKernelLog } from './kernel/kernel-log.ts';
import { type SampleFact, sampleOf } from './kernel/sample.ts';
import { configurationAt, settingsAt } from './machine/configuration.ts';
import { interfacesOf } from './machine/interfaces.ts';
import { attempt, errorMessageOf, messageOf, namesIn, numberAt } from './machine/look.ts';
import { eventLoopHere, nodeProcesses, privileges } from './machine/processes.ts';
import { gatherRules, rulesAskForState } from './rules/gather-rules.ts';
import { TableReader } from './table/read-table.ts';
import type { TableFact } from './table/table-fact.ts';

/** How long, and how closely, to look at what changes. */
export interface Observation {
  readonly seconds: number;
  /** Whether to listen to the kernel's events, and to read the table before and after. */
  readonly isClose: boolean;
}

/** Counters are compared with a reading that is so old, where there is one, in milliseconds. */
const HISTORY_MS = 10_000;
/** Milliseconds between two looks at the events. */
const LOOK_MS = 50;

interface Reading {
  readonly at: number;
  readonly statistics: TableStatistics;
  /** Undefined where /proc does not tell. */
  readonly cpus: readonly CpuCounters[] | undefined;
}

/** Gathers facts, once or again and again. */
export class FactSource {
  private readonly path: string;
  private readonly table = new TableReader();
  /** Of the last seconds, the oldest first. */
  private history: Reading[] = [];

  /** @param path the configuration's */
  constructor(path: string) {
    this.path = path;
  }

  async gather({ seconds, isClose }: Observation): Promise<Facts> {
    const { path } = this;
    if (isClose) await this.readTable();
    const events = isClose ? attempt(() => new EventCount()) : undefined;
    try {
      const configuration = configurationAt(path);
      const config = 'parsed' in configuration ? configuration.parsed.config : undefined;
      const nativeTrouble = errorMessageOf(libc);
      const controlPath = config?.general.unix.path;
      const socket = await socketState(controlPath);
      const lock = config && lockAt(config.general.lockFile);
      const control = socket === 'listening' ? controlPath : undefined;
      this.readCounters();
      const start = performance.now();
      const ask = async () => control && (await figuresOf(control, lock?.pid !== undefined));
      const before = await ask();
      const settingsFile = settingsAt(path);
      // Other processes, which run while the table is read.
      const slow = Promise.all([rulesAskForState(), gatherRules()]);
      const end = start + 1000 * seconds;
      let table = isClose ? undefined : await this.readTable();
      for (;;) {
        attempt(() => events?.read());
        const left = end - performance.now();
        if (left <= 0) break;
        await setTimeout(Math.min(LOOK_MS, left));
      }
      table ??= await this.readTable();
      const [rules, ruleSet] = await slow;
      attempt(() => events?.read());
      // Who did not answer once is not waited for again.
      const now = before && (await ask());
      return {
        version: FACTS_VERSION,
        node: process.versions.node,
        kernelRelease: release(),
        nativeTrouble,
        eventLoop: await eventLoopHere(),
        privileges: privileges(),
        ctnetlink: this.ctnetlink(table),
        configuration,
        settingsFile,
        interfaces: interfacesOf(config, settingsFile, nativeTrouble === undefined),
        lock,
        socket,
        daemon: now ? daemonFact(now, before || undefined) : undefined,
        memoryLimit: memoryLimit(),
        settings: settings(),
        sample: this.sample(events),
        kernelLog: readKernelLog(),
        rules,
        ruleSet,
        helperModules: namesIn('/sys/module').filter((name) => name.startsWith('nf_conntrack_')),
        processes: nodeProcesses(),
        clock: { now: Date.now(), installed: attempt(() => statSync(process.argv[1]!).mtimeMs) },
      };
    } finally {
      events?.close();
    }
  }

  private async readTable(): Promise<TableFact | string> {
    try {
      return await this.table.read();
    } catch (error) {
      return messageOf(error);
    }
  }

  /** Reads the counters, and forgets those that are older than the oldest that is still wanted. */
  private readCounters(): void {
    const statistics = attempt(readTableStatistics);
    const at = performance.now();
    while (this.history.length > 1 && at - this.history[1]!.at >= HISTORY_MS) this.history.shift();
    if (statistics !== undefined) this.history.push({ at, statistics, cpus: readCpuCounters() });
  }

  private sample(events: EventCount | undefined): SampleFact | undefined {
    this.readCounters();
    const first = this.history[0];
    const last = this.history.at(-1);
    if (first === undefined || last === undefined || first === last) return undefined;
    const cpus = first.cpus && last.cpus && cpuFacts(first.cpus, last.cpus);
    const seconds = (last.at - first.at) / 1000;
    return sampleOf(first.statistics, last.statistics, seconds, events?.result(), cpus);
  }

  private ctnetlink(table: TableFact | string): CtnetlinkFact {
    try {
      const kernel = new Ctnetlink({ timeout: true, windowScale: false });
      try {
        return { kind: 'answers', eventBuffer: kernel.eventBufferSize, table };
      } finally {
        kernel.close();
      }
    } catch (error) {
      return { kind: 'trouble', message: messageOf(error) };
    }
  }
}

function settings(): Settings {
  const entries = SETTING_NAMES.map((name) => [name, numberAt(`/proc/sys/${name.replaceAll('.', '/')}`)]);
  return Object.fromEntries(entries) as Settings;
}
