import { describe, expect, it } from 'vitest';
import { Invitation } from '../../../src/sync/ftfw/invitation.ts';
import type { TellingPeer } from '../../../src/sync/peer-presence.ts';
import { Presence } from '../../../src/sync/presence.ts';

function heardPeer(tells: boolean): TellingPeer {
  const presence = new Presence();
  presence.note(0);
  return { presence, tells };
}

/** An invitation that was sent once, at 0 ms. */
function sentInvitation(followed: boolean, name?: number): Invitation {
  const invitation = new Invitation();
  invitation.begin(followed);
  expect(invitation.isDue(0)).toBe(true);
  expect(invitation.noteSent(name, 0)).toBeUndefined();
  return invitation;
}

describe('an invitation', () => {
  it('is repeated under its name until each peer of ours that is there has asked', () => {
    const [one, other] = [heardPeer(true), heardPeer(true)];
    const invitation = sentInvitation(true, 77);
    invitation.accept(one, [one, other]);
    expect(invitation.isDue(500)).toBe(true);
    expect(invitation.noteSent(78, 500)).toBe(77);
    invitation.accept(other, [one, other]);
    expect(invitation.isDue(60_000)).toBe(false);
  });

  it('has another name when it begins again', () => {
    const invitation = sentInvitation(true, 77);
    invitation.begin(true);
    expect(invitation.noteSent(78, 1000)).toBeUndefined();
    expect(invitation.noteSent(79, 2000)).toBe(78);
  });

  it('ends with the first request where no peer is ours', () => {
    const [one, other] = [heardPeer(false), heardPeer(false)];
    const invitation = sentInvitation(false);
    invitation.accept(one, [one, other]);
    expect(invitation.isDue(60_000)).toBe(false);
  });

  it('comes a few times only, and more seldom where nobody follows it', () => {
    const timesIn = (invitation: Invitation, ms: number): number => {
      let times = 0;
      for (let now = 0; now < ms; now += 10) {
        if (!invitation.isDue(now)) continue;
        invitation.noteSent(undefined, now);
        times++;
      }
      return times;
    };
    expect(timesIn(sentInvitation(false), 60_000)).toBe(3);
    expect(timesIn(sentInvitation(true), 60_000)).toBe(15);
    expect(timesIn(sentInvitation(true), 1000)).toBe(2);
  });
});
