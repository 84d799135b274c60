import { describe, expect, it } from 'vitest';
import { LineSplitter } from '../../../src/daemon/common/line-splitter.ts';
import { parseKeepalivedLine } from '../../../src/daemon/failover/keepalived-line.ts';

describe("a line of keepalived's", () => {
  it.each([
    ['INSTANCE "VI_1" MASTER 100', { kind: 'instance', name: 'VI_1', state: 'MASTER', priority: 100 }],
    ['INSTANCE "VI_1" BACKUP 90', { kind: 'instance', name: 'VI_1', state: 'BACKUP', priority: 90 }],
    ['GROUP "G1" FAULT 0', { kind: 'group', name: 'G1', state: 'FAULT', priority: 0 }],
    ['INSTANCE "VI_1" STOP 100', { kind: 'instance', name: 'VI_1', state: 'STOP', priority: 100 }],
    ['GROUP "G1" DELETED 0', { kind: 'group', name: 'G1', state: 'DELETED', priority: 0 }],
    ['INSTANCE "a "b" c" MASTER 1', { kind: 'instance', name: 'a "b" c', state: 'MASTER', priority: 1 }],
  ])('reads a change of state: %s', (line, notice) => {
    expect(parseKeepalivedLine(line)).toEqual(notice);
  });

  it.each(['MASTER_RX_LOWER_PRI', 'MASTER_PRIORITY', 'BACKUP_PRIORITY'])('may be an event: %s', (event) => {
    expect(parseKeepalivedLine(`INSTANCE "VI_1" ${event} 100`)).toBe('event');
  });

  it.each([
    '',
    'INSTANCE VI_1 MASTER 100',
    'INSTANCE "VI_1" MASTER',
    'INSTANCE "VI_1" {UNKNOWN} 100',
    'INSTANCE "VI_1" MASTERS 100',
    'instance "VI_1" MASTER 100',
    'INSTANCE "VI_1" MASTER 100 ',
    'INSTANCE "VI_1" MASTER -1',
    'VI_1" MASTER 100',
  ])('is refused if it is not one: %j', (line) => {
    expect(parseKeepalivedLine(line)).toBeUndefined();
  });
});

describe('a stream cut into lines', () => {
  const bytes = (text: string) => Buffer.from(text, 'latin1');

  it('gives whole lines, whatever the pieces it comes in', () => {
    for (let size = 1; size < 12; size++) {
      const splitter = new LineSplitter(100);
      const lines: string[] = [];
      const text = 'one\n\ntwo and more\nrest';
      for (let at = 0; at < text.length; at += size)
        lines.push(...splitter.push(bytes(text.slice(at, at + size))));
      expect(lines).toEqual(['one', '', 'two and more']);
      expect(splitter.push(bytes('\n'))).toEqual(['rest']);
    }
  });

  it('forgets a line that grows beyond the limit, counts it once, and goes on behind it', () => {
    const splitter = new LineSplitter(8);
    for (let n = 0; n < 1000; n++) expect(splitter.push(bytes('x'.repeat(100)))).toEqual([]);
    expect(splitter.overlong).toBe(1);
    expect(splitter.push(bytes('end\nnext\n12345678\n123456789\nlast\n'))).toEqual([
      'next',
      '12345678',
      'last',
    ]);
    expect(splitter.overlong).toBe(2);
  });
});
