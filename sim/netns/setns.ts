import { bind, check } from '../../src/system/native.ts';

const CLONE_NEWNET = 0x40000000;

let setnsCall: ((fd: number, kind: number) => number) | undefined;

/** Moves the calling thread into a network namespace, an open file of `/run/netns`. @throws SystemError */
export function setNetworkNamespace(fd: number): void {
  setnsCall ??= bind('int setns(int, int)');
  check('setns', setnsCall!(fd, CLONE_NEWNET));
}
