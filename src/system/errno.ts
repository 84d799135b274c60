/** The errno values that conntrack answers with (Linux, all architectures that Node runs on but MIPS and Alpha). */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOSPC: 28,
  ENOPROTOOPT: 92,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENOBUFS: 105,
} as const;

/** glibc's texts for them. */
const TEXTS: Readonly<Record<number, string>> = {
  [Errno.EPERM]: 'Operation not permitted',
  [Errno.ENOENT]: 'No such file or directory',
  [Errno.EINTR]: 'Interrupted system call',
  [Errno.EAGAIN]: 'Resource temporarily unavailable',
  [Errno.ENOMEM]: 'Cannot allocate memory',
  [Errno.EACCES]: 'Permission denied',
  [Errno.EBUSY]: 'Device or resource busy',
  [Errno.EEXIST]: 'File exists',
  [Errno.ENODEV]: 'No such device',
  [Errno.EINVAL]: 'Invalid argument',
  [Errno.ENOSPC]: 'No space left on device',
  [Errno.ENOPROTOOPT]: 'Protocol not available',
  [Errno.EPROTONOSUPPORT]: 'Protocol not supported',
  [Errno.EOPNOTSUPP]: 'Operation not supported',
  [Errno.EADDRINUSE]: 'Address already in use',
  [Errno.EADDRNOTAVAIL]: 'Cannot assign requested address',
  [Errno.ENETDOWN]: 'Network is down',
  [Errno.ENOBUFS]: 'No buffer space available',
};

/** The errno as `strerror` words it. */
export function errnoText(errno: number): string {
  return TEXTS[errno] ?? `Unknown error ${errno}`;
}
