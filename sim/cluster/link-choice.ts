import { Redundancy } from '../../src/link/redundant.ts';
import { IFF_RUNNING, IFF_UP } from '../../src/system/interfaces.ts';

/** Which of its wires a daemon sends on: chosen as a real daemon does, by the interfaces' state and by where the peer sends. */
export class LinkChoice {
  private readonly redundancy: Redundancy;

  constructor(wires: number) {
    this.redundancy = new Redundancy(
      Array.from({ length: wires }, (_, wire) => interfaceName(wire)),
      0,
    );
  }

  get current(): number {
    return this.redundancy.current;
  }

  /** A valid message came in on this wire. */
  noteValidMessage(wire: number): void {
    if (wire !== this.current) this.redundancy.noteValidMessage(wire);
  }

  interfaceChanged(wire: number, up: boolean): void {
    this.redundancy.interfaceChanged(interfaceName(wire), up ? IFF_UP | IFF_RUNNING : 0);
  }
}

function interfaceName(wire: number): string {
  return `sync${wire}`;
}
