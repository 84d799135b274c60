import type { InsideProgram } from '../../sim/netns/inside-programs.ts';
import type { Namespace } from '../../sim/netns/lab.ts';
import { runInside } from './run-inside.ts';

interface Handshakes {
  readonly address: string;
  readonly port: number;
  readonly count: number;
  /** Connections begun per second, evenly. */
  readonly rate: number;
}

/** What became of the connections. */
export interface Opened {
  /** Those that are open in the end. */
  readonly opened: number;
  /** Those among all whose SYN had to be sent again. */
  readonly repeated: number;
}

/** SYNs that are sent again for one connection at most, so that each counts once. */
const SYN_RETRIES = 1;

/** Begins TCP connections at a rate, and resets each as soon as it is open. */
const handshakes: InsideProgram<Handshakes> = ({ net, report }, { address, port, count, rate }) => {
  let begun = 0;
  let ended = 0;
  let opened = 0;
  const start = performance.now();
  const open = () => {
    const socket = net.connect({ host: address, port });
    socket.on('connect', () => {
      opened++;
      socket.resetAndDestroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (++ended === count) report({ opened });
    });
  };
  const timer = setInterval(() => {
    const due = Math.min(count, ((performance.now() - start) / 1000) * rate);
    while (begun < due) {
      begun++;
      open();
    }
    if (begun === count) clearInterval(timer);
  }, 2);
};

/**
 * Begins TCP connections in a namespace in which nobody else does; resolves when each is open, or was given up after its second SYN.
 * @throws Error if the program ended before that
 */
export async function openConnections(namespace: Namespace, work: Handshakes): Promise<Opened> {
  await namespace.sysctl({ 'net.ipv4.tcp_syn_retries': SYN_RETRIES });
  const before = await repeatedSyns(namespace);
  const { opened } = await runInside<Handshakes, { opened: number }>(namespace, handshakes, work);
  return { opened, repeated: (await repeatedSyns(namespace)) - before };
}

/** SYNs that the namespace's kernel has sent again (`TCPSynRetrans`). */
async function repeatedSyns(namespace: Namespace): Promise<number> {
  const text = await namespace.must('cat', ['/proc/net/netstat']);
  const [names, values] = text.split('\n').filter((line) => line.startsWith('TcpExt:'));
  const at = names?.split(' ').indexOf('TCPSynRetrans') ?? -1;
  if (at < 0) throw new Error('the kernel does not count TCPSynRetrans');
  return Number(values!.split(' ')[at]);
}
