/**
 * Writes docs/schema/*.json, and the tables of docs/json.md between its markers. With --check it writes nothing and says what is
 * not as it would be written; exit code 1 then.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as facts from './facts.mjs';
import * as flows from './flows.mjs';
import { interop } from './interop.mjs';
import { logLine } from './log.mjs';
import { commit, roleDocument, statistics } from './statistics.mjs';
import { tablesOf } from './tables.mjs';

const DOCUMENTS = [
  statistics,
  roleDocument,
  commit,
  flows.flow,
  flows.expectation,
  flows.event,
  flows.group,
  flows.kernelStatistics,
  flows.message,
  facts.status,
  facts.doctor,
  facts.facts,
  logLine,
  interop,
];

const docs = new URL('../../docs/', import.meta.url);
const isCheck = process.argv.includes('--check');
const stale = [];

function put(path, text) {
  const url = new URL(path, docs);
  let before;
  try {
    before = readFileSync(url, 'utf8');
  } catch {
    // It is not there yet.
  }
  if (before === text) return;
  stale.push(`docs/${path}`);
  if (!isCheck) writeFileSync(url, text);
}

if (!isCheck) mkdirSync(new URL('schema/', docs), { recursive: true });
for (const document of DOCUMENTS)
  put(`schema/${document.$id}`, `${JSON.stringify(document, undefined, 2)}\n`);

const page = readFileSync(new URL('json.md', docs), 'utf8');
const [head] = page.split('<!-- tables: written by scripts/json-schema/write.mjs -->');
const tables = DOCUMENTS.map((document) =>
  tablesOf(document, document === flows.event ? flows.flow.properties : {}),
).join('\n');
put('json.md', `${head}<!-- tables: written by scripts/json-schema/write.mjs -->\n\n${tables}`);

if (isCheck && stale.length > 0) {
  console.error(`not as scripts/json-schema would write it: ${stale.join(', ')}; run npm run schema`);
  process.exitCode = 1;
}
