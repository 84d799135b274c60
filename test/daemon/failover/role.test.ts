import { beforeEach, describe, expect, it } from 'vitest';
import { type Role, RoleChanger } from '../../../src/daemon/failover/role.ts';

let now: number;
let entered: Role[];
let finish: () => void;
let changer: RoleChanger;

beforeEach(() => {
  now = 1000;
  entered = [];
  changer = new RoleChanger(
    (role) => {
      entered.push(role);
      return new Promise((resolve) => {
        finish = resolve;
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
      isChanging: false,
      changes: 0,
      superseded: 0,
    });
  });

  it('changes when its work is done, and tells how long that took', async () => {
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
    expect(await settled(change)).toBe(true);
    expect(changer.state).toMatchObject({ isChanging: false, lastTakeoverMs: 45, changes: 1, since: 1000 });
  });

  it('is not entered twice: who asks for the role that the node has is told so at once', async () => {
    const [one, two] = [changer.request('backup', 'keepalived'), changer.request('backup', 'command')];
    expect(await settled(two)).toBe('pending');
    finish();
    expect([await settled(one), await settled(two)]).toEqual([true, true]);
    expect(await settled(changer.request('backup', 'keepalived'))).toBe(true);
    expect(entered).toEqual(['backup']);
  });

  it('changes one request after the other: a commit under way comes to its end', async () => {
    const primary = changer.request('primary', 'keepalived');
    const backup = changer.request('backup', 'keepalived');
    expect(entered).toEqual(['primary']);
    finish();
    expect(await settled(primary)).toBe(true);
    expect(entered).toEqual(['primary', 'backup']);
    finish();
    expect(await settled(backup)).toBe(true);
    expect(changer.state).toMatchObject({ role: 'backup', changes: 2, superseded: 0 });
  });

  it('skips requests that a later one replaced before they were begun', async () => {
    const primary = changer.request('primary', 'keepalived');
    const skipped = [changer.request('fault', 'keepalived'), changer.request('backup', 'keepalived')];
    const last = changer.request('fault', 'keepalived');
    expect(await Promise.all(skipped.map(settled))).toEqual([false, false]);
    finish();
    expect(await settled(primary)).toBe(true);
    finish();
    expect(await settled(last)).toBe(true);
    expect(entered).toEqual(['primary', 'fault']);
    expect(changer.state.superseded).toBe(2);
  });

  it('stays where it is going when it is sent away and back meanwhile', async () => {
    const first = changer.request('primary', 'keepalived');
    const away = changer.request('backup', 'keepalived');
    const back = changer.request('primary', 'keepalived');
    expect(await settled(away)).toBe(false);
    finish();
    expect([await settled(first), await settled(back)]).toEqual([true, true]);
    expect(entered).toEqual(['primary']);
  });

  it('can be changed again after its work has failed', async () => {
    const failing = new RoleChanger(
      (role) => (role === 'primary' ? Promise.reject(new Error('no')) : Promise.resolve()),
      () => now,
    );
    await expect(failing.request('primary', 'command')).rejects.toThrow('no');
    expect(failing.state.isChanging).toBe(false);
    expect(await failing.request('backup', 'command')).toBe(true);
  });
});
