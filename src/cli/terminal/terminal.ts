/** The terminal while a screen has it: the alternate screen, keys as they are pressed. It is given back in any case. */

import type { ReadStream, WriteStream } from 'node:tty';
import { keysIn } from './keys-in.ts';

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const REST_OF_LINE = '\x1b[K';
const REST_OF_SCREEN = '\x1b[J';

const SIGNALS = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;

export class Terminal {
  private readonly input: ReadStream;
  private readonly output: WriteStream;
  private readonly giveBack = () => this.close();
  private readonly onSignal: (signal: NodeJS.Signals) => void;
  private readonly onData: (chunk: Buffer) => void;
  private readonly onResize: () => void;
  private isOpen = true;

  /**
   * @param press called with each key
   * @param redraw called when the size has changed, and when the process goes on after it was stopped
   */
  constructor(input: ReadStream, output: WriteStream, press: (key: string) => void, redraw: () => void) {
    this.input = input;
    this.output = output;
    this.onData = (chunk) => {
      for (const key of keysIn(chunk.toString('latin1'))) press(key);
    };
    this.onResize = () => {
      if (this.isOpen) redraw();
    };
    this.onSignal = (signal) => {
      this.close();
      process.kill(process.pid, signal);
    };
    process.once('exit', this.giveBack);
    for (const signal of SIGNALS) process.once(signal, this.onSignal);
    process.on('SIGCONT', this.onResize);
    output.on('resize', this.onResize);
    input.on('data', this.onData);
    // Whoever hangs up sends the end of the input.
    input.once('end', this.giveBack);
    input.setRawMode(true);
    input.resume();
    output.write(ENTER);
  }

  /** Of a terminal that does not tell its size, the usual one. */
  get columns(): number {
    return this.output.columns || 80;
  }

  get lines(): number {
    return this.output.rows || 24;
  }

  draw(lines: readonly string[]): void {
    if (!this.isOpen) return;
    this.output.write(
      `${HOME}${lines.map((line) => `${line}${REST_OF_LINE}`).join('\r\n')}${REST_OF_SCREEN}`,
    );
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    process.off('exit', this.giveBack);
    for (const signal of SIGNALS) process.off(signal, this.onSignal);
    process.off('SIGCONT', this.onResize);
    this.output.off('resize', this.onResize);
    this.input.off('data', this.onData);
    this.input.off('end', this.giveBack);
    this.input.setRawMode(false);
    this.input.pause();
    this.output.write(LEAVE);
  }
}
