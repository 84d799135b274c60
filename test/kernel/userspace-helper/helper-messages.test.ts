import { describe, expect, it } from 'vitest';
import {
  type KernelHelper,
  putChangeHelper,
  putCreateHelper,
  readHelper,
} from '../../../src/kernel/userspace-helper/helper-messages.ts';
import { NetlinkWriter } from '../../../src/system/netlink.ts';

const FTP: KernelHelper = {
  name: 'ftp',
  family: 4,
  transport: 'tcp',
  queueNum: 3,
  policies: [{ name: 'ftp', expectMax: 1, expectTimeout: 300 }],
  privateBytes: 24,
  isEnabled: true,
};

function created(helper: KernelHelper): NetlinkWriter {
  const writer = new NetlinkWriter(1024);
  putCreateHelper(writer, 1, helper);
  return writer;
}

describe('messages about helpers', () => {
  it.each([
    FTP,
    { ...FTP, family: 6 as const, transport: 'udp' as const, isEnabled: false },
    { ...FTP, policies: [1, 2, 3, 4].map((n) => ({ name: `p${n}`, expectMax: n, expectTimeout: 60 * n })) },
  ])('tell all of a helper', (helper) => {
    const { bytes, at } = created(helper);
    expect(readHelper(bytes, 0, at)).toEqual(helper);
  });

  it('change what is given and nothing else', () => {
    const writer = new NetlinkWriter(1024);
    putChangeHelper(writer, 1, FTP, { isEnabled: false });
    const disabled = new NetlinkWriter(1024);
    putChangeHelper(disabled, 1, FTP, { isEnabled: false, queueNum: 3 });
    expect(disabled.at).toBe(writer.at + 8);
  });

  it('have one to four policies', () => {
    expect(() => created({ ...FTP, policies: [] })).toThrow(RangeError);
    expect(() => created({ ...FTP, policies: Array(5).fill(FTP.policies[0]) })).toThrow(RangeError);
  });

  it('are no helper where they end early, wherever that is', () => {
    const { bytes, at } = created(FTP);
    for (let end = 20; end < at; end += 4) {
      const found = readHelper(bytes, 0, end);
      if (found !== undefined) expect(found).toEqual({ ...FTP, privateBytes: 0 });
    }
  });
});
