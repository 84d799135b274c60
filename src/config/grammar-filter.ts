import { type Family, formatAddress } from '../flow/address.ts';
import { maskAddress, readAddress } from './addresses.ts';
import type { ClauseValues, FilterValues } from './clause-values.ts';
import type { FilterLogic } from './config.ts';
import type { Clause, Cursor } from './cursor.ts';
import { protocolNumber } from './protocols.ts';
import type { Token } from './tokens.ts';

/** The kernel's numbers (`enum tcp_conntrack`); LISTEN is its old name for SYN_SENT2. */
const TCP_STATES: ReadonlyMap<string, number> = new Map([
  ['SYN_SENT', 1],
  ['SYN_RECV', 2],
  ['ESTABLISHED', 3],
  ['FIN_WAIT', 4],
  ['CLOSE_WAIT', 5],
  ['LAST_ACK', 6],
  ['TIME_WAIT', 7],
  ['CLOSE', 8],
  ['CLOSED', 8],
  ['LISTEN', 9],
]);

/** `Filter [From Userspace|Kernelspace] { ... }`. Several Filter clauses add up. */
export function readFilter(cursor: Cursor, values: ClauseValues): void {
  const from = cursor.skip('From') ? cursor.takeWord(['Userspace', 'Kernelspace']).text : 'Userspace';
  values.filter ??= {
    from: 'userspace',
    protocolLogic: undefined,
    protocols: new Set(),
    addressLogic: undefined,
    networks: new Map(),
    stateLogic: undefined,
    states: new Set(),
  };
  const filter = values.filter;
  filter.from = from === 'Kernelspace' ? 'kernelspace' : 'userspace';
  cursor.block(
    new Map<string, Clause>([
      [
        'Protocol',
        (keyword) => {
          filter.protocolLogic = readLogic(cursor, keyword, filter.protocolLogic);
          cursor.list(['name'], ['TCP', 'UDP'], (token) => addProtocol(cursor, filter, token));
        },
      ],
      [
        'Address',
        (keyword) => {
          filter.addressLogic = readLogic(cursor, keyword, filter.addressLogic);
          cursor.block(
            new Map<string, Clause>([
              ['IPv4_address', () => addNetwork(cursor, filter, 4)],
              ['IPv6_address', () => addNetwork(cursor, filter, 6)],
            ]),
          );
        },
      ],
      [
        'State',
        (keyword) => {
          filter.stateLogic = readLogic(cursor, keyword, filter.stateLogic);
          readStates(cursor, filter);
        },
      ],
    ]),
  );
}

function readLogic(cursor: Cursor, keyword: Token, before: FilterLogic | undefined): FilterLogic {
  const token = cursor.takeWord(['Accept', 'Ignore']);
  const logic = token.text === 'Accept' ? 'accept' : 'ignore';
  if (before !== undefined && before !== logic) {
    cursor.warn(
      token,
      `${keyword.text} filter both Accept and Ignore, ${token.text} holds for both lists`,
      'start',
    );
  }
  return logic;
}

function addProtocol(cursor: Cursor, filter: FilterValues, token: Token): void {
  // C asks for the keywords under their lower-case names.
  const name = token.kind === 'word' ? token.text.toLowerCase() : token.text;
  const number = protocolNumber(name);
  if (number === undefined) {
    cursor.warn(token, `getprotobyname() cannot find protocol \`${name}' in /etc/protocols`);
  } else if (number > 255) {
    cursor.warn(
      token,
      `protocol \`${name}' has the number ${number}, no packet carries it, ignoring`,
      'start',
    );
  } else {
    filter.protocols.add(number);
  }
}

function addNetwork(cursor: Cursor, filter: FilterValues, family: Family): void {
  const token = cursor.take('address');
  const bits = family === 4 ? 32 : 128;
  const [address, prefixText] = token.text.split('/') as [string, string | undefined];
  const prefix = prefixText === undefined ? bits : Number(prefixText);
  if (prefix > bits) {
    cursor.warn(token, `${address}/${prefix} is not a valid network, ignoring`);
    return;
  }
  const bytes = readAddress(family, address);
  if (bytes === undefined) {
    cursor.warn(token, `${address} is not a valid IPv${family}, ignoring`);
    return;
  }
  const key = `${formatAddress(family, bytes, 0)}/${prefix}`;
  if (!filter.networks.has(key)) {
    filter.networks.set(key, { family, bytes: maskAddress(bytes, prefix), prefix });
  } else if (prefix < bits) {
    // C looks for a repeated IPv6 network among the IPv4 ones: it says so of ::/0 after 0.0.0.0/0, and never where it is so.
    cursor.warn(token, `netmask ${address} is repeated in the ignore pool`, family === 4 ? 'read' : 'start');
  } else {
    // C has this warning, but checks for it when the address is new, and so never prints it.
    cursor.warn(token, `IP ${address} is repeated in the ignore pool`, 'start');
  }
}

/** `{`, any number of `ESTABLISHED CLOSED ... for TCP`, `}`. */
function readStates(cursor: Cursor, filter: FilterValues): void {
  const words = [...TCP_STATES.keys(), 'for'];
  let open = false;
  cursor.expect('{');
  while (open || !cursor.skip('}')) {
    const word = cursor.takeWord(words, open ? [] : ['}']);
    const state = TCP_STATES.get(word.text);
    if (state === undefined) {
      cursor.expect('TCP');
    } else {
      filter.states.add(state);
    }
    open = state !== undefined;
  }
}
