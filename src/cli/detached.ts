/** What the process runs that `-d` starts for the daemon. */

import { Starter } from '../daemon/process/start/detach.ts';
import { runHandedOver } from './daemon.ts';

process.exitCode = await runHandedOver(new Starter());
