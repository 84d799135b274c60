/** Words for JSON Schema (draft 2020-12). Each value says what it means, and in which unit it is (`x-unit`). */

/** A value that may be left out. */
export function optional(schema) {
  return { ...schema, optional: true };
}

/** All members may be left out, but those named. */
export function partial(members, ...required) {
  return Object.fromEntries(
    Object.entries(members).map(([name, schema]) => [
      name,
      required.includes(name) ? schema : optional(schema),
    ]),
  );
}

export function text(what) {
  return { type: 'string', description: what };
}

export function flag(what) {
  return { type: 'boolean', description: what };
}

export function oneOf(what, ...values) {
  return { enum: values, description: what };
}

/** A whole number that is never negative: how many, or a number that names something. */
export function count(what) {
  return { type: 'integer', minimum: 0, description: what };
}

export function integer(what) {
  return { type: 'integer', description: what };
}

export function number(what) {
  return { type: 'number', description: what };
}

export function bytes(what) {
  return { type: 'integer', minimum: 0, 'x-unit': 'bytes', description: what };
}

export function milliseconds(what) {
  return { type: 'number', minimum: 0, 'x-unit': 'ms', description: what };
}

export function seconds(what) {
  return { type: 'number', 'x-unit': 's', description: what };
}

/** A point in time as Date.now() has it. */
export function epochMilliseconds(what) {
  return { type: 'number', 'x-unit': 'ms since 1970', description: what };
}

export function list(what, items) {
  return { type: 'array', items, description: what };
}

/** A list of a fixed length. */
export function tuple(what, ...items) {
  return { type: 'array', prefixItems: items, items: false, minItems: items.length, description: what };
}

/** Values by names that are not known beforehand. */
export function byName(what, value) {
  return { type: 'object', additionalProperties: value, description: what };
}

/** An object that has these members and no others. */
export function object(what, members) {
  const properties = {};
  const required = [];
  for (const [name, { optional: isOptional, ...schema }] of Object.entries(members)) {
    properties[name] = schema;
    if (!isOptional) required.push(name);
  }
  return {
    type: 'object',
    description: what,
    properties,
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
}

/** One of several kinds of objects. */
export function either(what, ...kinds) {
  return { description: what, oneOf: kinds };
}

/** What another place defines: `#/$defs/cache`, `facts.json`, `statistics.json#/$defs/link`. */
export function reference(place, what) {
  return { $ref: place, ...(what !== undefined && { description: what }) };
}

/** A whole document. */
export function document(name, title, schema, definitions = {}) {
  const { optional: _, ...body } = schema;
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `${name}.json`,
    title,
    ...body,
    ...(Object.keys(definitions).length > 0 && { $defs: definitions }),
  };
}

/** The version of all schemas; see docs/json.md, "Versions". */
export const schemaVersion = { const: 1, description: 'version of the schema, 1' };
