import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/parse.ts';
import { unsupportedSettings } from '../../src/daemon/process/unsupported.ts';
import { DEFAULT_SETTINGS } from '../../src/settings/settings.ts';

function reason(inSync: string, keep: boolean): string | undefined {
  const text = `${inSync}\nGeneral { LockFile /tmp/x.lock UNIX { Path /tmp/x.ctl } }`;
  const settings = { ...DEFAULT_SETTINGS, standby: { keep, resyncSeconds: 300 } };
  return unsupportedSettings(parseConfig(text, 'x.conf').config, settings);
}

const LINK =
  'UDP { IPv4_address 192.0.2.1 IPv4_Destination_Address 192.0.2.2 Port 3780 Interface eth0 Checksum on }';

function reasonOfSeveral(inSync: string, keep = false, inGeneral = ''): string | undefined {
  const text = `${inSync}\nGeneral { LockFile /tmp/x.lock UNIX { Path /tmp/x.ctl } ${inGeneral} }`;
  const settings = {
    ...DEFAULT_SETTINGS,
    replication: { resyncSeconds: 0, activeNodes: 'several' as const },
    standby: { keep, resyncSeconds: 300 },
  };
  return unsupportedSettings(parseConfig(text, 'x.conf').config, settings);
}

describe('`active_nodes = "several"` in the settings', () => {
  const good = `Sync { Mode FTFW { DisableExternalCache on } ${LINK} }`;

  it('goes with FTFW and DisableExternalCache', () => {
    expect(reasonOfSeveral(good)).toBeUndefined();
  });

  it.each([
    [`Sync { Mode FTFW { } ${LINK} }`, 'DisableExternalCache on'],
    [`Sync { Mode NOTRACK { DisableExternalCache on } ${LINK} }`, 'Mode FTFW'],
    ['Stats { LogFile on }', 'Mode FTFW'],
  ])('is refused with %s', (inSync, words) => {
    expect(reasonOfSeveral(inSync)).toContain(words);
  });

  it('is refused without events', () => {
    expect(reasonOfSeveral(good, false, 'PollSecs 10')).toContain('remove PollSecs');
  });

  it('is refused together with a hot standby that keeps flows', () => {
    expect(reasonOfSeveral(good, true)).toContain('exclude each other');
  });
});

describe('`keep` in the settings', () => {
  it.each([
    ['FTFW', undefined],
    ['NOTRACK', undefined],
  ])('goes with DisableExternalCache in %s', (mode, expected) => {
    expect(reason(`Sync { Mode ${mode} { DisableExternalCache on } ${LINK} }`, true)).toBe(expected);
  });

  it('is refused without DisableExternalCache, and in ALARM', () => {
    expect(reason(`Sync { Mode FTFW { } ${LINK} }`, true)).toContain('set DisableExternalCache on');
    expect(reason(`Sync { Mode FTFW { } ${LINK} }`, false)).toBeUndefined();
    expect(reason(`Sync { Mode ALARM { RefreshTime 10 } ${LINK} }`, true)).toContain('DisableExternalCache');
    expect(reason('Stats { LogFile on }', true)).toContain('DisableExternalCache');
  });
});
