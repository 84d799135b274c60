import type { Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import { DEFAULTS } from '../config/defaults.ts';
import { TextCollector } from '../control/client.ts';
import { jsonForm, RoleRequest } from '../control/codes.ts';
import { ROLE_REQUESTS, type RoleName, roleTrouble } from '../control/role.ts';
import { readConfiguration } from './configuration.ts';
import { runRequest } from './request.ts';
import { say } from './say.ts';

const USAGE = `Usage: conntrackd-ts role [primary|backup|fault] [-C FILE] [--json]
Without a role: shows which one the node has, since when, and how long the last takeover took.
  primary, commit the external caches, flush the caches, resync with the kernel, send a bulk update
  backup, reset the timers, request a resync from the peer
  fault, reset the timers
Returns when it is done. Exit code 0: done; 1: not done, or not all of it.
  -C FILE, the configuration (${DEFAULTS.configFile})
  --json, the role as one JSON object
`;

interface Streams {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** `role [primary|backup|fault] [-C FILE] [--json]`. Resolves to the exit code. */
export async function runRole(args: readonly string[], { stdout, stderr }: Streams): Promise<0 | 1> {
  let role: string | undefined;
  let configuration: string | undefined;
  let json: boolean;
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        config: { type: 'string', short: 'C' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) {
      stdout.write(USAGE);
      return 0;
    }
    role = positionals[0];
    if (positionals.length > 1) throw new Error(`found \`${positionals[1]}', expected one role`);
    if (role !== undefined && !Object.hasOwn(ROLE_REQUESTS, role)) {
      throw new Error(`found \`${role}', expected one of ${Object.keys(ROLE_REQUESTS).join(', ')}`);
    }
    if (role !== undefined && values.json) throw new Error("`--json' is for showing the role alone");
    configuration = values.config;
    json = values.json ?? false;
  } catch (error) {
    stderr.write(`role: ${(error as Error).message.split('\n')[0]}\n${USAGE}`);
    return 1;
  }
  const parsed = readConfiguration(configuration);
  if (!parsed) return 1;
  const path = parsed.config.general.unix.path ?? '';
  const request = role === undefined ? RoleRequest.SHOW : ROLE_REQUESTS[role as RoleName];
  const answer = new TextCollector();
  const code = await runRequest(path, json ? jsonForm(request)! : request, answer, stderr);
  if (code !== 0) return code;
  if (role === undefined && answer.text !== '') {
    stdout.write(answer.text);
    return 0;
  }
  const trouble = roleTrouble(role ?? 'role', answer.text);
  if (trouble === undefined) return 0;
  say('ERROR', trouble);
  return 1;
}
