import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { roleOfRequest, roleTrouble } from '../../control/role.ts';
import type { Answer, RequestHandler } from '../../control/server.ts';
import { everyAbout } from '../../system/process/chores.ts';
import { LineSplitter } from '../common/line-splitter.ts';
import type { Priority, WriteLine } from '../process/log-entry.ts';
import { logLine } from '../process/log-line.ts';
import { AnswerSlot } from './answer-slot.ts';
import {
  isLauncherRequest,
  type LauncherRequest,
  parseRequestLine,
  REQUEST_LINE_MAX,
  SLOTS,
} from './request-line.ts';
import type { RunDirectory } from './run-directory.ts';

/** A client needs microseconds from its lock to its request: one that has taken so long has ended, or was stopped. */
const ABANDONED_MS = 10_000;

const ASK_ELSEWHERE = 'ask the control socket\n';

export interface LauncherOptions {
  readonly handler: RequestHandler;
  /** Warnings about the configuration that a client prints. */
  readonly warnings: readonly string[];
  readonly log: { readonly warning: WriteLine };
  /** What the handler threw. */
  readonly onError: (error: unknown, request: number) => void;
}

/**
 * Answers bin/conntrackd-ts through FIFOs. An answer is a few lines:
 *
 *     taken     the request is being carried out
 *     !TEXT     a line for standard error
 *     0 or 1    the end: the exit code
 *     other     the end: the control socket has to be asked
 */
export class LauncherServer {
  private readonly directory: RunDirectory;
  private readonly options: LauncherOptions;
  private readonly slots: readonly AnswerSlot[];
  private readonly requests: Socket;
  private readonly cancelChecks: () => void;

  /** @throws Error of the system */
  constructor(directory: RunDirectory, options: LauncherOptions) {
    this.directory = directory;
    this.options = options;
    this.slots = Array.from(
      { length: SLOTS },
      (_, at) => new AnswerSlot(directory.answer(at + 1), directory.lock(at + 1)),
    );
    // Both ends, so that it does not end when a client does.
    const fd = openSync(directory.request, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    this.requests = new Socket({ fd, readable: true, writable: false });
    const lines = new LineSplitter(REQUEST_LINE_MAX);
    this.requests.on('data', (chunk) => {
      for (const line of lines.push(chunk)) this.take(line);
    });
    this.requests.on('error', (error) =>
      options.log.warning(`FIFO \`${directory.request}': ${error.message}`, {
        event: 'fifo_failed',
        path: directory.request,
        reason: error.message,
      }),
    );
    this.cancelChecks = everyAbout(ABANDONED_MS, () => {
      for (const slot of this.slots) slot.freeAbandoned(ABANDONED_MS);
    });
  }

  close(): void {
    this.cancelChecks();
    this.requests.destroy();
    for (const slot of this.slots) slot.close();
    this.directory.remove();
  }

  private take(line: string): void {
    const asked = parseRequestLine(line);
    if (asked === undefined) {
      this.options.log.warning(
        `FIFO \`${this.directory.request}': found ${JSON.stringify(line)}, expected "SLOT PID REQUEST"`,
        { event: 'fifo_line_malformed', path: this.directory.request },
      );
      return;
    }
    const slot = this.slots[asked.slot - 1]!;
    if (slot.isBusy) {
      // Two clients in one slot, which locks prevent: both ask the control socket.
      slot.write(ASK_ELSEWHERE);
      return;
    }
    const write = slot.begin();
    if (!isLauncherRequest(asked.request)) {
      write(ASK_ELSEWHERE);
      return;
    }
    write('taken\n');
    void this.answer(asked, write);
  }

  private async answer({ pid, request }: LauncherRequest, write: (lines: string) => void): Promise<void> {
    const { handler, onError, warnings } = this.options;
    const line = (priority: Priority, text: string) => `!${logLine(new Date(), pid, priority, text)}`;
    const role = roleOfRequest(request);
    if (role === undefined) write(warnings.map((text) => line('warning', text)).join(''));
    const answer = new TextAnswer();
    try {
      await handler(request, answer);
    } catch (error) {
      onError(error, request);
    }
    const trouble = role && roleTrouble(role, answer.text);
    write(trouble === undefined ? '0\n' : `${line('ERROR', trouble)}1\n`);
  }
}

class TextAnswer implements Answer {
  readonly gone = false;
  text = '';

  write(text: string): boolean {
    this.text += text;
    return true;
  }

  drained(): Promise<boolean> {
    return Promise.resolve(true);
  }

  end(): void {}
}
