/** `sun_path` of Linux is 108 bytes, its NUL included. */
const PATH_MAX = 107;

/** @throws RangeError if `path` cannot be the name of a UNIX socket. */
export function checkSocketPath(path: string): void {
  const size = Buffer.byteLength(path);
  if (size === 0 || size > PATH_MAX) {
    throw new RangeError(`control socket path \`${path}' has ${size} bytes: expected 1 to ${PATH_MAX}`);
  }
}
