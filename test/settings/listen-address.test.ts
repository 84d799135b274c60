import { describe, expect, it } from 'vitest';
import { parseListenAddress } from '../../src/settings/listen-address.ts';

describe('where metrics are served', () => {
  it.each([
    ['127.0.0.1:9637', '127.0.0.1', true],
    ['127.8.0.1:1', '127.8.0.1', true],
    ['0.0.0.0:65535', '0.0.0.0', false],
    ['192.0.2.1:9637', '192.0.2.1', false],
    ['[::1]:9637', '::1', true],
    ['[2001:db8::1]:9637', '2001:db8::1', false],
  ])('%s', (text, host, isLoopback) => {
    expect(parseListenAddress(text)).toEqual({
      kind: 'tcp',
      host,
      port: Number(text.match(/\d+$/)![0]),
      isLoopback,
    });
  });

  it('is the path of a socket', () => {
    expect(parseListenAddress('/run/metrics')).toEqual({ kind: 'unix', path: '/run/metrics' });
    expect(parseListenAddress(`/${'x'.repeat(106)}`)).toBeDefined();
    expect(parseListenAddress(`/${'x'.repeat(107)}`)).toBeUndefined();
  });

  it.each([
    '',
    '9637',
    ':9637',
    'localhost:9637',
    '127.0.0.1',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    '::1:9637',
    '[127.0.0.1]:1',
    '[::1]',
    '256.0.0.1:1',
    'run/x',
    '/a\nb',
  ])('is not %j', (text) => {
    expect(parseListenAddress(text)).toBeUndefined();
  });
});
