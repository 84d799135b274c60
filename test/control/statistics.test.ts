import { describe, expect, it } from 'vitest';
import { Request } from '../../src/control/codes.ts';
import type { Snapshot } from '../../src/control/snapshot.ts';
import {
  activeLinkText,
  linkText,
  processesText,
  statisticsLines,
  trafficText,
  uptimeText,
} from '../../src/control/statistics.ts';
import { statisticsJson } from '../../src/control/statistics-json.ts';
import { CACHE, FTFW, LINK, NETWORK, RUNTIME, STATS } from './snapshot.ts';

function text(request: number, snapshot: Snapshot): string {
  return [...statisticsLines(request, snapshot)].join('');
}

function json(request: number, snapshot: Snapshot): unknown {
  return JSON.parse([...statisticsJson(request, snapshot)].join(''));
}

const EVERY = [
  Request.STATISTICS,
  Request.STATISTICS_NETWORK,
  Request.STATISTICS_CACHE,
  Request.STATISTICS_RUNTIME,
  Request.STATISTICS_LINK,
  Request.STATISTICS_RSQUEUE,
  Request.STATISTICS_PROCESS,
  Request.STATISTICS_QUEUE,
  Request.STATISTICS_EXPECT,
];

describe('what was refused', () => {
  it('is a line for the senders and one for the key, where there was some', () => {
    const refused = (reasons: readonly string[]) =>
      Object.fromEntries(reasons.map((reason) => [reason, { count: 7, last: '192.0.2.9' }]));
    const links = [
      { ...LINK, refused: refused(['sender', 'unproved']) },
      { ...LINK, device: 'eth9', refused: refused(['sender', 'unsealed', 'replayed']) },
    ];
    expect(text(Request.STATISTICS, { ...FTFW, links })).toContain(
      `\nrefused because of the sender: 7 on ${LINK.device}, the last of 192.0.2.9; 7 on eth9, the last of 192.0.2.9\n` +
        'refused because of the key: 7 unsealed on eth9, the last of 192.0.2.9; 7 replayed on eth9, the last of 192.0.2.9\n',
    );
    expect(text(Request.STATISTICS, FTFW)).not.toContain('refused');
  });
});

describe('several active nodes', () => {
  const sharedFlows = {
    ...{ adopted: 812, known: 10_340, conflicts: 2, endsIgnored: 4 },
    ...{ lookedAt: 50_000, renewed: 35, restored: 1 },
  };

  it('have two lines for what they made of their records and their tables', () => {
    expect(text(Request.STATISTICS, { ...FTFW, sharedFlows })).toContain(
      '\nseveral active nodes: 812 records put into the kernel, 10340 with nothing new, 2 conflicts, 4 ends ignored\n' +
        'looks at the table: 50000 flows, 35 renewed, 1 restored\n',
    );
    expect(text(Request.STATISTICS, FTFW)).not.toContain('several active nodes');
  });

  it('have the same in the JSON form', () => {
    expect(json(Request.STATISTICS, { ...FTFW, sharedFlows })).toMatchObject({ sharedFlows });
    expect(json(Request.STATISTICS, FTFW)).not.toHaveProperty('sharedFlows');
  });
});

describe('an old peer', () => {
  const peer = { old: true, natInOrder: 0, natReversed: 3, withoutPorts: 2, zonesUnknown: 0 };
  const withPeer = (more: { version: string; recognised: boolean }): Snapshot => ({
    ...FTFW,
    network: { ...NETWORK, peer: { ...peer, ...more } },
  });

  it('is named in a line of its own', () => {
    const last = (snapshot: Snapshot) => text(Request.STATISTICS, snapshot).trimEnd().split('\n').at(-1);
    expect(last(withPeer({ version: '1.4.6', recognised: true }))).toBe(
      'peer: conntrackd 1.4.6 or older (recognised by its messages), 2 messages without ports',
    );
    expect(last(withPeer({ version: '1.4.5', recognised: false }))).toBe(
      'peer: conntrackd 1.4.5 (as set), 2 messages without ports',
    );
    expect(text(Request.STATISTICS, FTFW)).not.toContain('peer:');
  });
});

describe('statistics as text', () => {
  it('shows both caches, the traffic, the link in use and the tracking', () => {
    expect(text(Request.STATISTICS, FTFW)).toBe(
      [
        'cache internal:',
        'current active connections:\t           2',
        'connections created:\t\t           4\tfailed:\t           5',
        'connections updated:\t\t           8\tfailed:\t           9',
        'connections destroyed:\t\t          11\tfailed:\t          12',
        '',
        'cache external:',
        'current active connections:\t           2',
        'connections created:\t\t           4\tfailed:\t           5',
        'connections updated:\t\t           8\tfailed:\t           9',
        'connections destroyed:\t\t          11\tfailed:\t          12',
        '',
        'traffic processed:',
        '                1000 Bytes                        10 Pckts',
        '',
        'UDP traffic (active device=sync0):',
        '                6812 Bytes sent                 3520 Bytes recv',
        '                 253 Pckts sent                  220 Pckts recv',
        '                   1 Error send                    2 Error recv',
        '',
        'message tracking:',
        '                   1 Malformed msgs                    9 Lost msgs',
        '',
        '',
      ].join('\n'),
    );
  });

  it('shows the direct ways where a cache is disabled', () => {
    const flows = {
      internal: { kind: 'bypass', created: 1, updated: 2, destroyed: 3 },
      external: {
        kind: 'inject',
        created: 4,
        createFailed: 5,
        updated: 6,
        updateFailed: 7,
        destroyed: 8,
        destroyFailed: 9,
      },
    } as const;
    const expected = [
      'internal bypass:',
      'connections new:\t\t           1',
      'connections updated:\t\t           2',
      'connections destroyed:\t\t           3',
      '',
      'external inject:',
      'connections created:\t\t           4\tfailed:\t           5',
      'connections updated:\t\t           6\tfailed:\t           7',
      'connections destroyed:\t\t           8\tfailed:\t           9',
      '',
      '',
    ].join('\n');
    expect(text(Request.STATISTICS_CACHE, { ...FTFW, flows })).toBe(expected);
    expect(text(Request.STATISTICS, { ...FTFW, flows }).startsWith(expected)).toBe(true);
  });

  it('shows which ends of a TCP link are connected', () => {
    const link = { ...LINK, transport: 'TCP', serverConnected: true, clientConnected: false } as const;
    expect(activeLinkText(link)).toMatch(
      /^TCP traffic \(active device=sync0\) server=connected client=disconnected:\n/,
    );
    expect(linkText({ ...link, active: false, status: 'NO-CARRIER' })).toMatch(
      /^TCP traffic device=sync0 status=NO-CARRIER role=BACKUP:\n/,
    );
  });

  it('shows the link in use alone, but all of them when asked for links', () => {
    const links = [
      { ...LINK, device: 'sync0', active: false },
      { ...LINK, device: 'sync1' },
    ];
    expect(text(Request.STATISTICS_NETWORK, { ...FTFW, links })).toContain(
      '\n\nUDP traffic (active device=sync1):',
    );
    expect(text(Request.STATISTICS_LINK, { ...FTFW, links }).match(/device=sync\d .*/g)).toEqual([
      'device=sync0 status=RUNNING role=BACKUP:',
      'device=sync1 status=RUNNING role=ACTIVE:',
    ]);
  });

  it('lists what waits for its acknowledgement', () => {
    const resendQueue = {
      length: 2,
      entries: [
        { kind: 'control', sequence: 7, flags: 8 },
        { kind: 'object', sequence: 8 },
      ],
    } as const;
    expect(text(Request.STATISTICS_RSQUEUE, { ...FTFW, resendQueue })).toBe(
      'resent queue (len=2)\ncontrol -> seq:7 flags:8\nobject -> seq:8\n',
    );
  });

  it('lists the processes', () => {
    expect(processesText([{ pid: 12, type: 'flush' }])).toBe('PID=12 type=flush\n');
  });

  it.each([
    [0, '0 min'],
    [3_599, '59 min'],
    [3_600, '1 h 0 min'],
    [86_400 + 120, '1 day 2 min'],
    [3 * 86_400 + 2 * 3_600 + 60, '3 days 2 h 1 min'],
  ])('an uptime of %i seconds is %s', (seconds, shown) => {
    expect(uptimeText(seconds)).toBe(shown);
  });

  it('keeps its columns when a number outgrows them', () => {
    expect(trafficText({ bytes: 2 ** 53 - 1, packets: 0 })).toBe(
      'traffic processed:\n    9007199254740991 Bytes                         0 Pckts\n\n',
    );
  });

  it('leaves out what the mode does not have', () => {
    const { resendQueue: _, ...notrack } = FTFW;
    expect(text(Request.STATISTICS_RSQUEUE, notrack)).toBe('');
    expect(text(Request.STATISTICS_EXPECT, FTFW)).toBe('');
    expect(EVERY.filter((request) => text(request, STATS) !== '')).toEqual([
      Request.STATISTICS,
      Request.STATISTICS_CACHE,
      Request.STATISTICS_RUNTIME,
    ]);
  });

  it('shows the expectation caches under their word', () => {
    const expectations = { internal: { ...CACHE, active: 99 }, external: CACHE };
    expect(text(Request.STATISTICS_EXPECT, { ...FTFW, expectations })).toMatch(
      /^cache internal:\ncurrent active connections:\t {10}99\n/,
    );
  });
});

describe('statistics as JSON', () => {
  it('has the members of the snapshot', () => {
    expect(json(Request.STATISTICS, FTFW)).toEqual({
      schema: 1,
      mode: 'sync',
      replication: FTFW.replication,
      ...FTFW.flows,
      traffic: FTFW.traffic,
      links: [LINK],
      network: NETWORK,
    });
    expect(json(Request.STATISTICS_RUNTIME, FTFW)).toEqual({ schema: 1, mode: 'sync', runtime: RUNTIME });
    expect(json(Request.STATISTICS_QUEUE, FTFW)).toEqual({ schema: 1, mode: 'sync', queues: FTFW.queues });
    expect(json(Request.STATISTICS_CACHE, STATS)).toEqual({
      schema: 1,
      mode: 'stats',
      cache: { ...CACHE, name: 'stats' },
    });
  });

  it('has the resend queue, entry by entry', () => {
    const entries = [
      { kind: 'object', sequence: 8 },
      { kind: 'control', sequence: 9, flags: 8 },
    ] as const;
    expect(json(Request.STATISTICS_RSQUEUE, { ...FTFW, resendQueue: { length: 2, entries } })).toEqual({
      schema: 1,
      mode: 'sync',
      resendQueue: { length: 2, entries },
    });
  });

  it('is an object on one line for every request in every mode', () => {
    for (const snapshot of [FTFW, STATS]) {
      for (const request of EVERY) {
        const answer = [...statisticsJson(request, snapshot)].join('');
        expect(answer).toMatch(/^\{.*\}\n$/);
        expect(JSON.parse(answer)).toMatchObject({ schema: 1, mode: snapshot.mode });
      }
    }
  });
});

describe('a node that has helpers alone', () => {
  const helpers = {
    helpers: [
      {
        name: 'ftp',
        family: 'inet',
        transport: 'tcp',
        queueNum: 3,
        packets: 9,
        dropped: 0,
        rewritten: 1,
        expectations: 2,
        expectationsRefused: 0,
        failed: 0,
      },
    ],
    packets: 9,
    passed: 0,
    malformed: 0,
    verdictsFailed: 0,
    flows: 1,
    flowsForgotten: 0,
  } as const;
  const snapshot: Snapshot = { mode: 'helper', runtime: RUNTIME, processes: [], helpers };

  it('prints runtime and processes alone, as C', () => {
    expect(EVERY.filter((request) => text(request, snapshot) !== '')).toEqual([Request.STATISTICS_RUNTIME]);
  });

  it('has its helpers in the JSON form, as a node of another mode has them beside its own', () => {
    expect(json(Request.STATISTICS, snapshot)).toEqual({ schema: 1, mode: 'helper', helpers });
    expect(json(Request.STATISTICS_QUEUE, snapshot)).toEqual({ schema: 1, mode: 'helper', helpers });
    expect(json(Request.STATISTICS_CACHE, snapshot)).toEqual({ schema: 1, mode: 'helper' });
    expect(json(Request.STATISTICS, { ...STATS, helpers } as Snapshot)).toMatchObject({ cache: {}, helpers });
  });
});
