import { programArguments } from '../../sim/netns/inside-programs.ts';
import { ADDRESSES, type Lab, type Namespace } from '../../sim/netns/lab.ts';
import type { RunningProcess } from '../../sim/netns/process.ts';
import { type TalkerCommand, type TalkerOptions, type TalkerReport, talker } from './talker.ts';
import type { Traffic } from './traffic.ts';

/** Connections through the pair. */
export const CONNECTIONS = 300;
/** Milliseconds between two messages of one end of a connection. */
export const INTERVAL_MS = 100;
const PORT = 7300;
const START_TIMEOUT_MS = 60_000;
/**
 * The highest real-time priority, which the C node has, too: in the field the ends are machines of their own, which the
 * firewalls' work does not delay. Both together take a tenth of a core.
 */
const TALKER_PRIORITY = 99;

type Message = Partial<TalkerReport> & {
  readonly listening?: boolean;
  readonly ready?: boolean;
  readonly failed?: string;
};

/** A process that is one end of all connections. */
class Talker {
  private readonly process: RunningProcess;
  private readonly waiting: {
    readonly take: (message: Message) => boolean;
    readonly fail: (why: string) => void;
  }[] = [];

  private constructor(process: RunningProcess) {
    this.process = process;
    process.onLine((line) => this.take(JSON.parse(line) as Message));
    void process.ended.then(() => this.fail(`a talker ended: ${process.stderr().trim().slice(-500)}`));
  }

  static async start(namespace: Namespace, options: TalkerOptions): Promise<Talker> {
    const node = [process.execPath, ...programArguments(talker, options)];
    return new Talker(await namespace.start('chrt', ['--fifo', String(TALKER_PRIORITY), ...node]));
  }

  /** Resolves with the next message that passes. */
  receive(wanted: (message: Message) => boolean): Promise<Message> {
    return new Promise((resolve, reject) => {
      const finish = (end: () => void) => {
        clearTimeout(timer);
        const index = this.waiting.indexOf(waiter);
        if (index >= 0) this.waiting.splice(index, 1);
        end();
      };
      const waiter = {
        take: (message: Message) => {
          const isWanted = wanted(message);
          if (isWanted) finish(() => resolve(message));
          return isWanted;
        },
        fail: (why: string) => finish(() => reject(new Error(why))),
      };
      const timer = setTimeout(
        () => waiter.fail(`a talker sent nothing for ${START_TIMEOUT_MS} ms`),
        START_TIMEOUT_MS,
      );
      this.waiting.push(waiter);
    });
  }

  send(command: TalkerCommand): void {
    this.process.send(JSON.stringify({ line: command }));
  }

  async report(): Promise<TalkerReport> {
    const answer = this.receive(({ connections }) => connections !== undefined);
    this.send('report');
    return (await answer) as TalkerReport;
  }

  async stop(): Promise<void> {
    await this.process.stop('SIGKILL');
  }

  private take(message: Message): void {
    if (message.failed !== undefined) this.fail(`a connection failed at the start: ${message.failed}`);
    else for (const waiter of [...this.waiting]) waiter.take(message);
  }

  private fail(why: string): void {
    for (const waiter of [...this.waiting]) waiter.fail(why);
  }
}

/** What both ends of all connections know. */
export interface ConversationReport {
  readonly client: TalkerReport;
  readonly server: TalkerReport;
}

/** All connections, from the client through the active firewall to the server. */
export interface Conversation {
  /** Starts the observation: gaps and lateness count from here. */
  begin(): void;
  report(): Promise<ConversationReport>;
}

/** Opens all connections; resolves when messages go over each. The laboratory ends what is left at its own end. */
export async function startConversation(lab: Lab, traffic: Traffic): Promise<Conversation> {
  const { transport, family, talking } = traffic;
  const options = {
    transport,
    address: ADDRESSES.server[`v${family}`],
    port: PORT,
    count: CONNECTIONS,
    intervalMs: INTERVAL_MS,
  };
  const server = await Talker.start(lab.server, { ...options, side: 'answerer', talks: true });
  await server.receive(({ listening }) => listening === true);
  const talks = talking === 'both';
  const client = await Talker.start(lab.client, { ...options, side: 'caller', talks });
  const isReady = ({ ready }: Message) => ready === true;
  await Promise.all([server.receive(isReady), client.receive(isReady)]);
  return {
    begin() {
      client.send('begin');
      server.send('begin');
    },
    async report() {
      const [ofClient, ofServer] = await Promise.all([client.report(), server.report()]);
      return { client: ofClient, server: ofServer };
    },
  };
}
