import { KeyFile } from '../../../link/sealed/key-file.ts';
import type { CleanupStack } from '../../process/cleanup-stack.ts';
import type { Log } from '../../process/log.ts';

/**
 * Opens the key file that the settings name.
 * @throws KeyFileError
 */
export function openKeyFile(path: string, log: Log, opened: CleanupStack): KeyFile {
  const file = new KeyFile(path, (mistake) => {
    if (mistake === undefined) {
      log.notice(`key file ${path} was read again: ${file.keys.length} keys hold`, {
        event: 'key_file_read',
        path,
        keys: file.keys.length,
      });
    } else {
      log.error(`${mistake}; the keys until now stay`, { event: 'key_file_refused', path, reason: mistake });
    }
  });
  opened.add(async () => file.close());
  return file;
}
