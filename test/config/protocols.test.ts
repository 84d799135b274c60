import { describe, expect, it } from 'vitest';
import { protocolNumber } from '../../src/config/protocols.ts';

describe('a protocol by name', () => {
  it('is known by its name and its aliases', () => {
    const names = [
      'tcp',
      'TCP',
      'udp',
      'ipv6-icmp',
      'IPv6-ICMP',
      'CPHB',
      'rspf',
      'ax.25',
      'UDPLite',
      'IP',
      'manet',
    ];
    expect(names.map(protocolNumber)).toEqual([6, 6, 17, 58, 58, 73, 73, 93, 136, 0, 138]);
  });

  it('is not known by another case or by nothing', () => {
    expect(['Tcp', 'Icmp', 'ipv6-ICMP', 'bogus', ''].map(protocolNumber)).toEqual(Array(5).fill(undefined));
  });
});
