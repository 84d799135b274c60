import { expect, test } from 'vitest';
import { malformedIn } from '../../sim/interop/check.ts';
import { refusalIn } from '../../sim/interop/refusal.ts';
import { NodeStartError } from '../../sim/netns/lab.ts';

const PREFIX = '[Mon Nov 30 00:20:30 2026] (pid=32684) [ERROR] ';
const SYNTAX = "parsing config file in line (3), symbol 'DisableExternalCache': syntax error";
const FOUND = "conntrackd.conf:3:5: found `DisableExternalCache', expected `}'";
const refused = { code: 1, signal: null };

test.each([
  ["C's line", `${PREFIX}${SYNTAX}`, refused, SYNTAX],
  ['our line', `a notice\n${PREFIX}/tmp/ctd-x/b1/${FOUND}`, refused, FOUND],
  ['nothing', '', refused, undefined],
  ['another error', `${PREFIX}cannot bind: Address already in use`, refused, undefined],
  ['a crash', `${PREFIX}${SYNTAX}`, { code: null, signal: 'SIGSEGV' } as const, undefined],
  ['a node that goes on', `${PREFIX}${SYNTAX}`, undefined, undefined],
  ['a node that ended well', `${PREFIX}${SYNTAX}`, { code: 0, signal: null }, undefined],
])('of %s it is decided whether the configuration was refused', (_name, log, exit, expected) => {
  expect(refusalIn(new NodeStartError('conntrackd', log, exit))).toBe(expected);
});

test('an error of a case is no refusal', () => {
  expect(refusalIn(new Error(SYNTAX))).toBeUndefined();
});

const STATISTICS = `network statistics:
	recv:
		Malformed messages:	                   2
		Wrong protocol version:	                   1
	send:
		Malformed messages:	                   0

sequence tracking statistics:
	recv:
		Packets lost:		                   7
`;

test('the counters of malformed messages, received or sent, are found, and not those of lost ones', () => {
  expect(malformedIn(STATISTICS)).toEqual({ 'Malformed messages': 2, 'Wrong protocol version': 1 });
  expect(malformedIn('')).toEqual({});
});
