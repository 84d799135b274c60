import { parseArgs } from 'node:util';
import { TextCollector } from '../control/client.ts';
import { jsonForm, RoleRequest } from '../control/codes.ts';
import { ROLE_REQUESTS, type RoleName, roleTrouble } from '../control/role.ts';
import { readConfiguration } from './configuration.ts';
import { OptionHelp, type OutputStreams, SharedOptions, withOptions } from './options/shared-options.ts';
import { runRequest } from './request.ts';
import { say } from './say.ts';

const USAGE = `Usage: conntrackd-ts role [primary|backup|fault] [-C FILE] [--json]
Without a role: shows which one the node has, since when, and how long the last takeover took.
  primary, commit the external caches, flush the caches, resync with the kernel, send a bulk update
  backup, reset the timers, request a resync from the peer
  fault, reset the timers
Returns when it is done. Exit code 0: done; 1: not done, or not all of it.
${OptionHelp.config}
  --json, the role as one JSON object
`;

interface Options {
  /** Undefined: show the one that the node has. */
  readonly role: RoleName | undefined;
  readonly path: string | undefined;
  readonly isJson: boolean;
}

const { config, help, json } = SharedOptions;

/** Undefined where help was asked for. @throws Error that says what is wrong with the arguments */
function readOptions(args: readonly string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { config, json, help },
  });
  if (values.help) return undefined;
  const [role] = positionals;
  if (positionals.length > 1) throw new Error(`found \`${positionals[1]}', expected one role`);
  if (role !== undefined && !isRole(role))
    throw new Error(`found \`${role}', expected one of ${Object.keys(ROLE_REQUESTS).join(', ')}`);
  if (role !== undefined && values.json) throw new Error("`--json' is for showing the role alone");
  return { role, path: values.config, isJson: values.json ?? false };
}

function isRole(word: string): word is RoleName {
  return Object.hasOwn(ROLE_REQUESTS, word);
}

/** `role [primary|backup|fault] [-C FILE] [--json]`. Resolves to the exit code. */
export function runRole(args: readonly string[], streams: OutputStreams): Promise<0 | 1> {
  const words = { name: 'role', usage: USAGE, wrong: 1 } as const;
  return withOptions(
    words,
    streams,
    () => readOptions(args),
    (options) => askRole(options, streams),
  );
}

async function askRole(
  { role, path: file, isJson }: Options,
  { stdout, stderr }: OutputStreams,
): Promise<0 | 1> {
  const parsed = readConfiguration(file);
  if (!parsed) return 1;
  const path = parsed.config.general.unix.path ?? '';
  const request = role === undefined ? RoleRequest.SHOW : ROLE_REQUESTS[role];
  const answer = new TextCollector();
  const code = await runRequest(path, isJson ? jsonForm(request)! : request, answer, stderr);
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
