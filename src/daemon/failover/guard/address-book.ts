import type { InterfaceAddress } from '../../../link/addresses.ts';

/** `own`: this machine's, whatever its role. `virtual`: it came with a takeover. */
export type AddressKind = 'own' | 'virtual';

/** 169.254.0.0/16 needs no exception: no translation and no client uses it across a router; of IPv6, fe80::/10. */
function isLinkLocal({ address }: InterfaceAddress): boolean {
  return address.length === 16 && address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
}

/**
 * Tells the virtual addresses from the machine's own. Virtual is a permanent address that appears on a guarded interface while
 * the node is not primary, and it stays so until it goes. Addresses with a lifetime (DHCP, router advertisements) and
 * link-local ones are never virtual.
 */
export class AddressBook {
  private readonly guarded: ReadonlySet<string>;
  private readonly kinds = new Map<
    string,
    { readonly kind: AddressKind; readonly address: InterfaceAddress }
  >();

  constructor(guarded: readonly string[]) {
    this.guarded = new Set(guarded);
  }

  get own(): InterfaceAddress[] {
    return this.of('own');
  }

  get virtual(): InterfaceAddress[] {
    return this.of('virtual');
  }

  /** @param isGuarding whether the node is not primary */
  add(address: InterfaceAddress, isGuarding: boolean): AddressKind {
    const mayBeVirtual = isGuarding && address.isPermanent && !isLinkLocal(address);
    const kind = mayBeVirtual && this.guarded.has(address.interface) ? 'virtual' : 'own';
    this.kinds.set(keyOf(address), { kind, address });
    return kind;
  }

  /** What it was; undefined for an unknown one. */
  remove(address: InterfaceAddress): AddressKind | undefined {
    const key = keyOf(address);
    const kind = this.kinds.get(key)?.kind;
    this.kinds.delete(key);
    return kind;
  }

  private of(wanted: AddressKind): InterfaceAddress[] {
    return [...this.kinds.values()].filter(({ kind }) => kind === wanted).map(({ address }) => address);
  }
}

function keyOf({ interface: name, text }: InterfaceAddress): string {
  return `${name}/${text}`;
}
