/** `top` on a terminal: reads again and again, and shows. */

import type { Readable, Writable } from 'node:stream';
import { ReadStream, WriteStream } from 'node:tty';
import { readTableStatistics } from '../../../kernel/listing/table-statistics.ts';
import { Terminal } from '../../terminal/terminal.ts';
import { WordError } from '../filter/error.ts';
import { parseFilter } from '../filter/parse.ts';
import { parseGroupKey } from '../group/group-key.ts';
import type { GroupTable } from '../group/group-table.ts';
import { groupFlows, type Question } from './batch.ts';
import { type Controls, pressKey } from './keys.ts';
import { type Order, type Reading, rank, totalOf } from './ranking.ts';
import { screenLines } from './screen.ts';
import { EventWindow } from './window.ts';

export interface LiveOptions {
  readonly question: Question;
  readonly order: Order;
  readonly everyMs: number;
  readonly filterText: string;
  readonly terminal: { readonly stdin: Readable; readonly stdout: Writable };
}

/** Milliseconds between two looks at the events. */
const LOOK_MS = 50;

/** Shows the groups until somebody quits. Resolves to the exit code. @throws WordError where there is no terminal */
export async function runLive(options: LiveOptions): Promise<0 | 1> {
  const { stdin, stdout } = options.terminal;
  if (!(stdin instanceof ReadStream && stdout instanceof WriteStream))
    throw new WordError('there is no terminal to show it on: add --batch to print once');
  const live = new Live(options, stdin, stdout);
  try {
    await live.run();
    return 0;
  } finally {
    live.close();
  }
}

class Live {
  private readonly terminal: Terminal;
  private readonly isStyled = (process.env.NO_COLOR ?? '') === '' && process.env.TERM !== 'dumb';
  private controls: Controls;
  private question: Question;
  private window: EventWindow;
  private windowStart = performance.now();
  /** The last reading with the present key and filter. */
  private before: GroupTable | undefined;
  private reading: Reading | undefined;
  private readonly maxFlows: number | undefined;
  private hasLost = false;
  /** Ends the wait for the next reading. */
  private wake: () => void = () => {};

  /** @throws KernelError */
  constructor({ question, order, everyMs, filterText }: LiveOptions, stdin: ReadStream, stdout: WriteStream) {
    this.question = question;
    this.controls = {
      by: question.key.name,
      order,
      everyMs,
      filterText,
      isHeld: false,
      isHelpShown: false,
      isOver: false,
    };
    // What may fail comes before the terminal is taken.
    this.maxFlows = readTableStatistics().maxEntries;
    this.window = new EventWindow(question.key, question.filter, question.context);
    this.terminal = new Terminal(
      stdin,
      stdout,
      (key) => this.press(key),
      () => this.draw(),
    );
    stdin.once('end', () => {
      this.controls = { ...this.controls, isOver: true };
      this.wake();
    });
  }

  async run(): Promise<void> {
    this.draw();
    while (!this.controls.isOver) {
      if (!this.controls.isHeld) await this.read();
      this.draw();
      await this.wait();
    }
  }

  private async read(): Promise<void> {
    const { question, window } = this;
    // Somebody may ask for something else meanwhile, which closes the window.
    const { table } = await groupFlows(question, () => {
      if (window === this.window) window.read();
    });
    if (window !== this.window) return;
    window.read();
    const now = performance.now();
    this.hasLost = window.takeLost();
    this.reading = {
      table,
      seconds: (now - this.windowStart) / 1000,
      ...(this.before === undefined ? {} : { before: this.before, began: window.began, ended: window.ended }),
    };
    this.before = table;
    window.clear();
    this.windowStart = now;
  }

  /** Waits for the time of the next reading, or for a key that asks for one. */
  private async wait(): Promise<void> {
    const end = performance.now() + this.controls.everyMs;
    let isWoken = false;
    while (!isWoken && !this.controls.isOver) {
      const left = end - performance.now();
      if (left <= 0) return;
      isWoken = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), Math.min(LOOK_MS, left));
        this.wake = () => {
          clearTimeout(timer);
          resolve(true);
        };
      });
      this.wake = () => {};
      this.window.read();
    }
  }

  private press(key: string): void {
    const { controls: old } = this;
    this.controls = pressKey(old, key);
    const { by, filterText, isOver, isHeld, everyMs } = this.controls;
    if (by !== old.by || filterText !== old.filterText) this.ask(by, filterText);
    else if (isOver || isHeld !== old.isHeld || everyMs !== old.everyMs) this.wake();
    this.draw();
  }

  /** Starts over with another question. */
  private ask(by: string, filterText: string): void {
    const key = parseGroupKey(by);
    const filter = parseFilter([filterText]);
    this.question = { ...this.question, key, filter };
    this.window.close();
    this.window = new EventWindow(key, filter, this.question.context);
    this.windowStart = performance.now();
    this.before = undefined;
    this.reading = undefined;
    this.controls = { ...this.controls, isHeld: false };
    this.wake();
  }

  private draw(): void {
    const { terminal, controls, reading, maxFlows } = this;
    const { columns, lines } = terminal;
    const state = {
      ...controls,
      ...(this.hasLost && controls.message === undefined
        ? { message: 'the kernel dropped events: more flows began than shown' }
        : {}),
      ...(reading === undefined ? {} : { total: totalOf(reading) }),
      ...(maxFlows === undefined ? {} : { maxFlows }),
      rows: reading === undefined ? [] : [...rank(reading, controls.order, lines)],
    };
    terminal.draw(screenLines(state, { columns, lines, isStyled: this.isStyled }));
  }

  close(): void {
    this.terminal.close();
    this.window.close();
  }
}
