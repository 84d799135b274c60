import { type InsideProgram, startInside } from '../../netns/inside-programs.ts';
import type { Lab } from '../../netns/lab.ts';
import { type Side, syncAddress } from '../../netns/topology.ts';
import { until } from '../../netns/until.ts';

/** Address of the stranger on the first sync link. */
export const STRANGER_ADDRESS = '10.99.0.66';
const PORT = 3780;
export const MULTICAST_GROUP = '225.0.0.50';

/** Somebody on the sync link who is not the peer. */
export interface Stranger {
  /**
   * Sends datagrams, and resolves when all are sent.
   * @param perSecond how many in a second; all at once if left out
   */
  send(datagrams: readonly Uint8Array[], perSecond?: number): Promise<void>;
  close(): Promise<void>;
}

export interface StrangerOptions {
  /** The firewall whose node receives what the stranger sends. */
  readonly against: Side;
  /** As whom it speaks: from an address of its own, or from the peer's. By default from its own. */
  readonly as?: 'stranger' | 'peer';
  /** Whether it sends to the group instead of the node. */
  readonly multicast?: boolean;
}

interface SenderOptions {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly multicast: boolean;
}

/** Takes `perSecond hex,hex,...` as a command, and reports when all of it is sent. */
const sender: InsideProgram<SenderOptions> = ({ dgram, report, onCommand }, options) => {
  const { from, to, port, multicast } = options;
  const TICK_MS = 2;
  const socket = dgram.createSocket('udp4');
  socket.bind(0, from, () => {
    if (multicast) {
      socket.setMulticastInterface(from);
      socket.setMulticastLoopback(false);
    }
    report({ ready: true });
  });
  onCommand(({ line }) => {
    const [rate, list] = line!.split(' ');
    const perTick = (Number(rate) * TICK_MS) / 1000;
    const datagrams = list!.split(',').map((hex) => Buffer.from(hex, 'hex'));
    const begin = performance.now();
    let at = 0;
    let done = 0;
    // A dead node's host answers with ICMP errors, which end a datagram too.
    const end = () => {
      if (++done === datagrams.length) report({ sent: done });
    };
    const timer = setInterval(() => {
      const due = Math.min(datagrams.length, Math.ceil(((performance.now() - begin) / TICK_MS) * perTick));
      while (at < due) socket.send(datagrams[at++]!, port, to, end);
      if (at === datagrams.length) clearInterval(timer);
    }, TICK_MS);
  });
};

/** Starts somebody on the first sync link, in the namespace of the firewall opposite the one that it speaks to. */
export async function openStranger(lab: Lab, options: StrangerOptions): Promise<Stranger> {
  const { against, as = 'stranger', multicast = false } = options;
  const opposite = against === 'a' ? 'b' : 'a';
  const { namespace } = lab[opposite];
  const from = as === 'peer' ? syncAddress(opposite, 0).v4 : STRANGER_ADDRESS;
  if (as === 'stranger') await namespace.ip(`addr replace ${from}/24 dev sync0`);
  const to = multicast ? MULTICAST_GROUP : syncAddress(against, 0).v4;
  const child = await startInside(namespace, sender, { from, to, port: PORT, multicast });
  let isReady = false;
  const waiting: (() => void)[] = [];
  child.onLine((line) => {
    if ((JSON.parse(line) as { readonly ready?: boolean }).ready) isReady = true;
    else waiting.shift()?.();
  });
  await until('a stranger on the sync link', () => {
    if (!child.running()) throw new Error(child.stderr().trim());
    return isReady;
  });
  return {
    async send(datagrams, perSecond = 1_000_000) {
      if (datagrams.length === 0) return;
      const sent = new Promise<boolean>((resolve) => waiting.push(() => resolve(true)));
      const hex = datagrams.map((datagram) => Buffer.from(datagram).toString('hex')).join(',');
      child.send(JSON.stringify({ line: `${perSecond} ${hex}` }));
      const isSent = await Promise.race([sent, child.ended.then(() => false)]);
      if (!isSent) throw new Error(`the stranger ended: ${child.stderr().trim()}`);
    },
    close: async () => void (await child.stop('SIGKILL')),
  };
}
