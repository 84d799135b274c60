import { describe, expect, it } from 'vitest';
import { requestBytes, requestIn } from '../../src/control/client.ts';
import { isKnownRequest, jsonForm, plainRequest, Request, wantsJson } from '../../src/control/codes.ts';

describe('request codes', () => {
  it('are all different', () => {
    const codes = Object.values(Request);
    expect(new Set(codes).size).toBe(codes.length);
  });

  it('have a JSON form where there is text to answer', () => {
    const form = jsonForm(Request.STATISTICS)!;
    expect(wantsJson(form)).toBe(true);
    expect(plainRequest(form)).toBe(Request.STATISTICS);
    expect(isKnownRequest(form)).toBe(true);
    expect(jsonForm(Request.KILL)).toBeUndefined();
  });

  it('are unknown otherwise', () => {
    for (const code of [-1, 2, 27, 49, 0x10000 + Request.KILL]) expect(isKnownRequest(code)).toBe(false);
  });

  it('travel in the order of bytes of the machine', () => {
    expect(new Int32Array(requestBytes(Request.KILL).buffer)[0]).toBe(Request.KILL);
    for (const code of [...Object.values(Request), -1]) expect(requestIn(requestBytes(code))).toBe(code);
  });
});
