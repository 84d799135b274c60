import { beforeEach, describe, expect, it } from 'vitest';
import { type Role, RoleChanger, type RoleWork } from '../../../src/daemon/failover/role.ts';

let now: number;
let entered: Role[];
let finish: (work?: RoleWork) => void;
let changer: RoleChanger;

const DONE: RoleWork = { commit: undefined, shortfall: undefined };
const HALF_DONE: RoleWork = { commit: undefined, shortfall: '3 entries could not be committed' };

beforeEach(() => {
  now = 1000;
  entered = [];
  changer = new RoleChanger(
    (role) => {
      entered.push(role);
      return new Promise((resolve) => {
        finish = (work = DONE) => resolve(work);
      });
    },
    () => now,
  );
});

/** The outcome if it is there, after all promises have settled. */
async function settled<T>(promise: Promise<T>): Promise<T | 'pending'> {
  let result: T | 'pending' = 'pending';
  void promise.then((value) => {
    result = value;
  });
  for (let n = 0; n < 10; n++) await Promise.resolve();
  return result;
}

describe('the role of a node', () => {
  it('is unknown until somebody gives it one', () => {
    expect(changer.state).toEqual({
      role: undefined,
      since: undefined,
      source: undefined,
      lastTakeoverMs: undefined,
      shortfall: undefined,
      isChanging: false,
      changes: 0,
      superseded: 0,
    });
  });

  it('changes when its work is done, and returns how long that took', async () => {
    const change = changer.request('primary', 'keepalived');
    expect(changer.state).toMatchObject({
      role: 'primary',
      since: 1000,
      source: 'keepalived',
      isChanging: true,
    });
    now = 1045;
    expect(await settled(change)).toBe('pending');
    finish();
    expect(await settled(change)).toBe(DONE);
    expect(changer.state).toMatchObject({ isChanging: false, lastTakeoverMs: 45, changes: 1, since: 1000 });
  });

  it('is not entered twice: a request for the current role is answered at once', async () => {
    const [one, two] = [changer.request('backup', 'keepalived'), changer.request('backup', 'command')];
    expect(await settled(two)).toBe('pending');
    finish();
    expect([await settled(one), await settled(two)]).toEqual([DONE, DONE]);
    expect(await settled(changer.request('backup', 'keepalived'))).toBe(DONE);
    expect(entered).toEqual(['backup']);
  });

  it('changes one request after the other: a commit under way comes to its end', async () => {
    const primary = changer.request('primary', 'keepalived');
    const backup = changer.request('backup', 'keepalived');
    expect(entered).toEqual(['primary']);
    finish();
    expect(await settled(primary)).toBe(DONE);
    expect(entered).toEqual(['primary', 'backup']);
    finish();
    expect(await settled(backup)).toBe(DONE);
    expect(changer.state).toMatchObject({ role: 'backup', changes: 2, superseded: 0 });
  });

  it('skips requests that a later one replaced before they were begun', async () => {
    const primary = changer.request('primary', 'keepalived');
    const skipped = [changer.request('fault', 'keepalived'), changer.request('backup', 'keepalived')];
    const last = changer.request('fault', 'keepalived');
    expect(await Promise.all(skipped.map(settled))).toEqual([undefined, undefined]);
    finish();
    expect(await settled(primary)).toBe(DONE);
    finish();
    expect(await settled(last)).toBe(DONE);
    expect(entered).toEqual(['primary', 'fault']);
    expect(changer.state.superseded).toBe(2);
  });

  it('stays where it is going when it is sent away and back meanwhile', async () => {
    const first = changer.request('primary', 'keepalived');
    const away = changer.request('backup', 'keepalived');
    const back = changer.request('primary', 'keepalived');
    expect(await settled(away)).toBe(undefined);
    finish();
    expect([await settled(first), await settled(back)]).toEqual([DONE, DONE]);
    expect(entered).toEqual(['primary']);
  });

  it('can be changed again after its work has failed', async () => {
    const failing = new RoleChanger(
      (role) => (role === 'primary' ? Promise.reject(new Error('no')) : Promise.resolve(DONE)),
      () => now,
    );
    await expect(failing.request('primary', 'command')).rejects.toThrow('no');
    expect(failing.state.isChanging).toBe(false);
    expect(await failing.request('backup', 'command')).toBe(DONE);
  });

  it('is entered again when it is asked for again after its work was not all done', async () => {
    const first = changer.request('primary', 'keepalived');
    finish(HALF_DONE);
    expect(await settled(first)).toBe(HALF_DONE);
    expect(changer.state).toMatchObject({ role: 'primary', shortfall: HALF_DONE.shortfall });

    const second = changer.request('primary', 'command');
    expect(changer.state).toMatchObject({ isChanging: true, source: 'command', shortfall: undefined });
    finish();
    expect(await settled(second)).toBe(DONE);
    expect(changer.state).toMatchObject({ changes: 2, shortfall: undefined });

    expect(await settled(changer.request('primary', 'command'))).toBe(DONE);
    expect(entered).toEqual(['primary', 'primary']);
  });

  it('is entered again when it is asked for again after its work has thrown', async () => {
    let attempts = 0;
    const failing = new RoleChanger(
      () => (++attempts === 1 ? Promise.reject(new Error('no')) : Promise.resolve(DONE)),
      () => now,
    );
    await expect(failing.request('primary', 'keepalived')).rejects.toThrow('no');
    expect(failing.state).toMatchObject({ role: 'primary', isChanging: false, shortfall: 'no' });
    expect(await failing.request('primary', 'keepalived')).toBe(DONE);
    expect(failing.state).toMatchObject({ shortfall: undefined, changes: 2 });
  });

  it('is entered once for several that ask again after its work was not all done', async () => {
    const first = changer.request('primary', 'keepalived');
    finish(HALF_DONE);
    await settled(first);
    const [one, two] = [changer.request('primary', 'keepalived'), changer.request('primary', 'command')];
    finish();
    expect([await settled(one), await settled(two)]).toEqual([DONE, DONE]);
    expect(entered).toEqual(['primary', 'primary']);
  });
});
