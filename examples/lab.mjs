// A failover with a C node and ours in network namespaces: node lab.mjs, as root.
import { cProgram, missingForLab, ourProgram, withLab } from 'conntrackd-ts/lab';

const missing = missingForLab(['conntrackd']);
if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`);

await withLab({}, async (lab) => {
  await lab.startNodes({ a: { program: cProgram }, b: { program: ourProgram } });
  const connection = await lab.connect(); // from the client through firewall A to the server, source-translated
  await lab.replicated(connection); // firewall B's node has it
  await lab.failover({ commit: true }); // A dies, B takes over as primary-backup.sh does
  const { ok } = await connection.exchange();
  console.log(ok ? 'the connection outlived firewall A' : 'the connection broke');
}); // nothing is left behind, whatever happened
