import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';

/** Asks a person on a terminal, a line for each answer. */
export class Questions {
  private readonly output: Writable;
  private readonly reader: ReturnType<typeof createInterface>;
  private readonly lines: AsyncIterator<string>;

  constructor(input: Readable, output: Writable) {
    this.output = output;
    this.reader = createInterface({ input, terminal: false });
    this.lines = this.reader[Symbol.asyncIterator]();
  }

  /** The answer without spaces around it; what was offered for an empty one. Undefined at the end of the input. */
  async ask(question: string, offered = ''): Promise<string | undefined> {
    this.output.write(`${question}${offered === '' ? '' : ` [${offered}]`}: `);
    const { value, done } = await this.lines.next();
    if (done === true) return undefined;
    const answer = String(value).trim();
    return answer === '' ? offered : answer;
  }

  /** True for `y` and `yes` alone. */
  async confirm(question: string): Promise<boolean> {
    return /^y(?:es)?$/i.test((await this.ask(`${question} [y/N]`)) ?? '');
  }

  close(): void {
    this.reader.close();
  }
}
