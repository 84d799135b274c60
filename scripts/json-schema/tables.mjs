/** Schemas as tables in Markdown: a row for each value, members of members with dots between. */

function cell(text) {
  return text.replaceAll('|', '\\|');
}

function typeOf(schema) {
  if (schema.$ref !== undefined) return `[${nameOf(schema.$ref)}](#${anchorOf(schema.$ref)})`;
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema.oneOf !== undefined) return [...new Set(schema.oneOf.map(typeOf))].join(' or ');
  if (schema.prefixItems !== undefined) return `[${schema.prefixItems.map(typeOf).join(', ')}]`;
  if (schema.type === 'array') return `list of ${typeOf(schema.items)}`;
  if (typeof schema.additionalProperties === 'object')
    return `${typeOf(schema.additionalProperties)} by name`;
  return schema.type;
}

function nameOf(reference) {
  return reference.replace(/^.*\//, '').replace('.json', '');
}

function anchorOf(reference) {
  return nameOf(reference).toLowerCase();
}

function unitOf(schema) {
  return schema['x-unit'] ?? unitOf.inside(schema);
}
unitOf.inside = ({ items, additionalProperties }) =>
  items?.['x-unit'] ??
  (typeof additionalProperties === 'object' ? additionalProperties['x-unit'] : undefined) ??
  '';

/** The objects that a value may be, or consist of, without a name of their own. */
function insideOf(schema) {
  if (schema.properties !== undefined) return [schema];
  if (schema.oneOf !== undefined) return schema.oneOf.flatMap(insideOf);
  if (schema.type === 'array' && schema.items) return insideOf(schema.items);
  return typeof schema.additionalProperties === 'object' ? insideOf(schema.additionalProperties) : [];
}

function suffixOf(schema) {
  if (schema.type === 'array') return '[]';
  return typeof schema.additionalProperties === 'object' ? '.*' : '';
}

function rowsOf(schema, prefix) {
  const rows = [];
  for (const object of insideOf(schema)) {
    for (const [name, value] of Object.entries(object.properties)) {
      const isRequired = object.required?.includes(name);
      const path = `${prefix}${name}`;
      const what = value.description ?? '';
      rows.push(
        `| \`${path}\`${isRequired ? '' : ' ?'} | ${cell(typeOf(value))} | ${unitOf(value)} | ${cell(what)} |`,
        ...rowsOf(value, `${path}${suffixOf(value)}.`),
      );
    }
  }
  return [...new Set(rows)];
}

const HEAD = '| field | type | unit | what |\n|---|---|---|---|\n';
const written = new Set();

/** The tables of a document but for the members of `known`, and of what it defines that no document before it did. */
export function tablesOf(document, known = {}) {
  const name = document.$id.replace('.json', '');
  let text = `### ${name}\n\n${document.title}: ${document.description}. [schema/${document.$id}](schema/${document.$id})\n\n`;
  const isKnown = (row) => Object.keys(known).some((member) => new RegExp(`^\\| \`${member}[.\`]`).test(row));
  const rows = rowsOf(document, '').filter((row) => !isKnown(row));
  text += `${HEAD}${rows.join('\n')}\n`;
  for (const [key, schema] of Object.entries(document.$defs ?? {})) {
    if (written.has(key)) continue;
    written.add(key);
    const rows = rowsOf(schema, '');
    text += `\n#### ${key}\n\n${schema.description}.\n`;
    if (rows.length > 0) text += `\n${HEAD}${rows.join('\n')}\n`;
    else text += `\n${typeOf(schema)}\n`;
  }
  return text;
}
