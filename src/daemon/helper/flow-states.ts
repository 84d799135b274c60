import type { QueuedFlow } from '../../kernel/userspace-helper/queued-packet.ts';

/** What helpers remember of flows: of as many as there is room for, those that spoke last. */
export class FlowStates {
  /** States forgotten for newer ones. */
  forgotten = 0;
  private readonly limit: number;
  /** In the order of use, the oldest first. */
  private readonly states = new Map<string, unknown>();

  /** @param limit flows at most */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** Flows whose state is kept now. */
  get size(): number {
    return this.states.size;
  }

  /** The flow's state; `make` makes that of a flow which is not known. */
  of<State>(flow: QueuedFlow, make: () => State): State {
    const { states } = this;
    const key = keyOf(flow);
    const known = states.get(key) as State | undefined;
    const state = known ?? make();
    states.delete(key);
    states.set(key, state);
    if (states.size > this.limit) {
      states.delete(states.keys().next().value!);
      this.forgotten++;
    }
    return state;
  }
}

/** The kernel gives an id to another flow once the first one is gone, and two zones may have the same tuple. */
function keyOf({ id, original }: QueuedFlow): string {
  const { source, destination, protocol, ports } = original;
  return `${id} ${protocol} ${source} ${ports?.source} ${destination} ${ports?.destination}`;
}
