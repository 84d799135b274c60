/** What programs read is as docs/schema says. */

import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';

const FOLDER = new URL('../../docs/schema/', import.meta.url);

export type Schema = Readonly<Record<string, unknown>>;

/** By the name of the file, without its ending. */
export const SCHEMAS: ReadonlyMap<string, Schema> = new Map(
  readdirSync(FOLDER).map((file) => [
    file.replace(/\.json$/, ''),
    JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Schema,
  ]),
);

const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
ajv.addVocabulary(['x-unit']);
ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
ajv.addSchema([...SCHEMAS.values()]);

function textOf({ instancePath, message, params }: ErrorObject): string {
  return `${instancePath} ${message} ${JSON.stringify(params)}`;
}

/** What is wrong with the value, a line each; nothing if it is as the schema of this name says. */
export function mistakesIn(name: string, value: unknown): string[] {
  ajv.validate(`${name}.json`, value);
  return (ajv.errors ?? []).map(textOf);
}

/** The same of each line of a text. */
export function mistakesInLines(name: string, text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => mistakesIn(name, JSON.parse(line)));
}
