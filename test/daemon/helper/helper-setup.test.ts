import { beforeEach, describe, expect, it } from 'vitest';
import { HelperSetup, type KernelHelpers } from '../../../src/daemon/helper/helper-setup.ts';
import { KernelError } from '../../../src/kernel/kernel.ts';
import type { KernelHelper } from '../../../src/kernel/userspace-helper/helper-messages.ts';
import { isSameHelper } from '../../../src/kernel/userspace-helper/userspace-helpers.ts';

const EBUSY = 16;
const POLICY = { name: 'ftp', expectMax: 1, expectTimeout: 300 };
const FTP = {
  name: 'ftp',
  family: 4,
  transport: 'tcp',
  queueNum: 3,
  queueLen: 0,
  policy: POLICY,
  line: 1,
} as const;
const FTP6 = { ...FTP, family: 6, queueNum: 4 } as const;
const TO_ENABLE = [FTP, FTP6].map((instance) => ({ instance, privateBytes: 24 }));

/** What the kernel has, and what it refuses to delete: as rules name it. */
let there: KernelHelper[];
let isNamed: boolean;
/** The packet queue that another program has. */
let taken: number;

const kernel: KernelHelpers = {
  list: () => [...there],
  create: (helper) => {
    if (there.some((other) => isSameHelper(other, helper))) throw new KernelError('exists', 17);
    there.push(helper);
  },
  change: (key, change) => {
    const at = there.findIndex((other) => isSameHelper(other, key));
    if (at < 0) throw new KernelError('none', 22);
    const names = (helper: Pick<KernelHelper, 'policies'>) => helper.policies.map(({ name }) => name).join();
    if (change.policies && names({ policies: change.policies }) !== names(there[at]!)) {
      throw new KernelError('busy', EBUSY);
    }
    there[at] = { ...there[at]!, ...change };
  },
  delete: (key) => {
    if (isNamed) return false;
    const before = there.length;
    there = there.filter((other) => !isSameHelper(other, key));
    return there.length < before;
  },
};

beforeEach(() => {
  there = [];
  isNamed = false;
  taken = -1;
});

/** As `nfct helper add` leaves it. */
const ADDED: KernelHelper = {
  name: 'ftp',
  family: 6,
  transport: 'tcp',
  queueNum: 0,
  policies: [{ name: 'ftp', expectMax: 5, expectTimeout: 60 }],
  privateBytes: 24,
  isEnabled: false,
};

describe('the set-up of helpers', () => {
  it('creates what is missing and enables what is there', () => {
    there = [ADDED];
    new HelperSetup(kernel, (queueNum) => queueNum === taken).enable(TO_ENABLE);
    expect(there).toEqual([
      { ...ADDED, queueNum: 4, policies: [POLICY], isEnabled: true },
      {
        name: 'ftp',
        family: 4,
        transport: 'tcp',
        queueNum: 3,
        policies: [POLICY],
        privateBytes: 24,
        isEnabled: true,
      },
    ]);
  });

  it('deletes what it created and puts back what was there', () => {
    there = [ADDED];
    const setup = new HelperSetup(kernel, (queueNum) => queueNum === taken);
    setup.enable(TO_ENABLE);
    expect(setup.putBack()).toEqual([]);
    expect(there).toEqual([ADDED]);
    expect(setup.putBack()).toEqual([]);
  });

  it('disables what it created where rules name it', () => {
    const setup = new HelperSetup(kernel, (queueNum) => queueNum === taken);
    setup.enable(TO_ENABLE);
    isNamed = true;
    expect(setup.putBack()).toEqual([]);
    expect(there.map(({ isEnabled }) => isEnabled)).toEqual([false, false]);
  });

  it('disables what another program has left enabled', () => {
    there = [{ ...ADDED, isEnabled: true }];
    const setup = new HelperSetup(kernel, (queueNum) => queueNum === taken);
    setup.enable(TO_ENABLE);
    setup.putBack();
    expect(there).toEqual([ADDED]);
  });

  it('takes no helper from another program', () => {
    taken = 7;
    there = [{ ...ADDED, queueNum: 7, isEnabled: true }];
    const before = [...there];
    const setup = new HelperSetup(kernel, (queueNum) => queueNum === taken);
    expect(() => setup.enable(TO_ENABLE)).toThrow(
      'helper ftp inet6 tcp: another program serves it, on packet queue 7',
    );
    expect(there).toEqual(before);
  });

  it('does not mind what somebody else has deleted meanwhile', () => {
    const setup = new HelperSetup(kernel, (queueNum) => queueNum === taken);
    setup.enable(TO_ENABLE);
    there = [];
    isNamed = true;
    expect(setup.putBack()).toEqual([]);
  });

  it('leaves all as it was where one cannot be enabled, and says which and why', () => {
    there = [{ ...ADDED, policies: [{ name: 'data', expectMax: 1, expectTimeout: 1 }] }];
    const before = [...there];
    expect(() => new HelperSetup(kernel, (queueNum) => queueNum === taken).enable(TO_ENABLE)).toThrow(
      "helper ftp inet6 tcp: it is there with the policies `data', and `ftp' is expected: delete it first (nfct helper delete ftp inet6 tcp)",
    );
    expect(there).toEqual(before);
  });
});
