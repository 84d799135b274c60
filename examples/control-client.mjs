// What a daemon of either kind says on its control socket: node control-client.mjs /var/run/conntrackd.ctl
import { askDaemonForText, jsonForm, Request, UnreachableError } from 'conntrackd-ts';

const [path] = process.argv.slice(2);
const ask = (request) => askDaemonForText(path, request, 10_000);
try {
  const json = await ask(jsonForm(Request.STATISTICS));
  // C's daemon has no JSON and answers nothing.
  if (json === '') console.log(await ask(Request.STATISTICS));
  else console.log(JSON.parse(json).replication);
  console.log(await ask(Request.DUMP_EXTERNAL_CT));
} catch (error) {
  if (!(error instanceof UnreachableError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
