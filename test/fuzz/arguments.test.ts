import { describe, expect, it } from 'vitest';
import { parseFuzzArguments } from '../../sim/fuzz/arguments.ts';
import { sourceFor } from '../../sim/fuzz/live/address.ts';

describe('the arguments of the fuzzer', () => {
  it('ask for a run in process', () => {
    expect(
      parseFuzzArguments(['--in-process', '--cases', '5000', '--seed', '7', '--only', 'stream,engine']),
    ).toEqual({
      kind: 'in-process',
      seed: 7,
      cases: 5000,
      only: ['stream', 'engine'],
      findings: 10,
      record: false,
      report: 'fuzz-report.msgpack',
    });
  });

  it('ask for a run against nodes of its own', () => {
    const command = parseFuzzArguments([
      '--target',
      'both',
      '--mode',
      'alarm',
      '--minutes',
      '0.5',
      '--seed',
      '7',
    ]);
    expect(command).toMatchObject({
      kind: 'live',
      live: { target: 'both', mode: 'alarm', minutes: 0.5, seed: 7, port: 3780 },
    });
  });

  it('ask for a run against an address', () => {
    const command = parseFuzzArguments(['--address', '10.0.0.2', '--interface', 'eth1', '--mode', 'ftfw']);
    expect(command).toMatchObject({
      live: { target: 'address', where: { address: '10.0.0.2', interface: 'eth1', foreign: false } },
    });
  });

  it.each([
    [['--target', 'both']],
    [['--target', 'd', '--mode', 'ftfw']],
    [['--target', 'c', '--mode', 'FTFW']],
    [['--address', '10.0.0.2', '--mode', 'ftfw']],
    [['--in-process', '--cases', 'many']],
    [['--fast']],
  ])('are refused where they mean nothing: %j', (args) => {
    expect(() => parseFuzzArguments(args)).toThrow();
  });
});

describe('the address that is sent to', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['127.9.9.9', '127.0.0.1'],
    ['::1', '::1'],
  ])('may be loopback: %s', (address, source) => {
    expect(sourceFor(address, 'lo', false)).toBe(source);
  });

  it.each(['192.0.2.1', '10.0.0.1', '224.0.0.1', '2001:db8::1', '::ffff:192.0.2.1', '0.0.0.0'])(
    'is refused if it is anything else: %s',
    (address) => {
      expect(() => sourceFor(address, 'lo', false)).toThrow('--allow-foreign-target');
    },
  );

  it('may be anything where that is asked for', () => {
    expect(sourceFor('192.0.2.1', 'lo', true)).toBe('127.0.0.1');
  });

  it.each(['localhost', 'firewall.example', '127.0.0.1.'])(
    'is refused if it is no address: %s',
    (address) => {
      expect(() => sourceFor(address, 'lo', true)).toThrow('no address');
    },
  );

  it('needs an interface that is there', () => {
    expect(() => sourceFor('127.0.0.1', 'nowhere0', false)).toThrow('nowhere0');
  });
});
