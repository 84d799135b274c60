import type { ClauseValues, HelperSetting } from './clause-values.ts';
import type { Clause, Cursor } from './cursor.ts';
import { LIMITS } from './defaults.ts';
import type { Token } from './tokens.ts';
import { knownPolicy } from './userspace-helpers.ts';

/**
 * `Helper { Setup on|off, Type name inet|inet6 tcp|udp { ... } }`. As in C, settings wait in one stack until a Type
 * clause closes and takes them all, the last one first; so of two QueueNum in one Type the first one holds, and
 * settings may stand before the Type, and in an earlier Helper clause.
 */
export function readHelper(cursor: Cursor, values: ClauseValues): void {
  const { settings } = values;
  cursor.block(
    new Map<string, Clause>([
      ...typeClauses(cursor, values, settings, 1),
      [
        'Setup',
        () => {
          values.helperSetup = cursor.onOff();
        },
      ],
    ]),
  );
}

function typeClauses(
  cursor: Cursor,
  values: ClauseValues,
  settings: HelperSetting[],
  depth: number,
): [string, Clause][] {
  return [
    ['Type', (keyword) => readType(cursor, values, settings, depth, keyword)],
    [
      'QueueNum',
      (keyword) => {
        settings.push({ kind: 'queueNum', value: cursor.number(keyword, 0xffff) });
      },
    ],
    [
      'QueueLen',
      (keyword) => {
        settings.push({ kind: 'queueLen', value: cursor.number(keyword) });
      },
    ],
    [
      'Policy',
      () => {
        settings.push(readPolicy(cursor));
      },
    ],
  ];
}

function readType(
  cursor: Cursor,
  values: ClauseValues,
  settings: HelperSetting[],
  depth: number,
  keyword: Token,
): void {
  if (depth > LIMITS.helperNesting) {
    throw cursor.refuse(keyword, `more than ${LIMITS.helperNesting} \`Type' clauses inside one another`);
  }
  const name = cursor.take('name');
  const layer3 = cursor.take('name');
  const layer4 = cursor.take('name');
  if (layer3.text !== 'inet' && layer3.text !== 'inet6')
    throw cursor.refuse(layer3, 'unknown layer 3 protocol');
  const transport = layer4.text;
  if (transport !== 'tcp' && transport !== 'udp') throw cursor.refuse(layer4, 'unknown layer 4 protocol');
  const standard = knownPolicy(name.text, transport);
  if (standard === undefined) throw cursor.refuse(name, `Unknown \`${name.text}' helper`);

  cursor.block(new Map(typeClauses(cursor, values, settings, depth + 1)));

  const id = `${name.text}/${transport}`;
  const helper = { queueNum: 0, queueLen: 0 };
  for (let setting = settings.pop(); setting !== undefined; setting = settings.pop()) {
    if (setting.kind !== 'policy') {
      helper[setting.kind] = setting.value;
    } else if (setting.policy.name === standard.name) {
      values.policies.set(id, setting.policy);
    } else {
      throw cursor.refuse(setting.token, `Unknown policy \`${setting.policy.name}' in helper configuration`);
    }
  }
  values.helpers.push({
    name: name.text,
    family: layer3.text === 'inet' ? 4 : 6,
    transport,
    ...helper,
    line: keyword.line,
  });
}

/** `Policy name { ExpectMax n, ExpectTimeout n }`; what it leaves out is 0, as in C, and not the helper's own. */
function readPolicy(cursor: Cursor): HelperSetting {
  const token = cursor.take('name');
  const policy = { name: token.text, expectMax: 0, expectTimeout: 0 };
  let empty = true;
  cursor.block(
    new Map<string, Clause>([
      [
        'ExpectMax',
        (keyword) => {
          policy.expectMax = cursor.number(keyword);
          empty = false;
        },
      ],
      [
        'ExpectTimeout',
        (keyword) => {
          policy.expectTimeout = cursor.number(keyword);
          empty = false;
        },
      ],
    ]),
  );
  if (empty) {
    throw cursor.refuse(token, 'Helper policy configuration empty, fix your configuration file, please');
  }
  if (token.text.length > LIMITS.helperNameLength) {
    throw cursor.refuse(token, `Helper Policy is longer than ${LIMITS.helperNameLength} characters`);
  }
  return { kind: 'policy', token, policy };
}
