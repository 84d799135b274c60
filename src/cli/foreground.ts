/** What a daemon in the foreground becomes, once it has given up what it does not need. */

import { closeSync } from 'node:fs';
import { HANDOVER_FD } from '../daemon/process/start/detach.ts';
import { readHandover } from '../daemon/process/start/handover.ts';
import { runInForeground } from './daemon.ts';

const handover = readHandover(HANDOVER_FD);
closeSync(HANDOVER_FD);
process.exitCode = await runInForeground(handover);
