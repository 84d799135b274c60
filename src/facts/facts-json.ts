import { FACTS_VERSION, type Facts } from './facts.ts';

/** Addresses of the configuration are bytes; a list of numbers says the same. */
function plain(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? [...value] : value;
}

/** The facts as plain JSON, without the rules, of which there may be any number. */
export function factsJson(facts: Facts): object {
  const { ruleSet: _, ...rest } = facts;
  return JSON.parse(JSON.stringify(rest, plain)) as object;
}

/**
 * The facts in the JSON of another node's `status` or `doctor`. What an older version left out is undefined.
 * @throws Error that says why it is no such JSON
 */
export function parseFacts(text: string): Facts {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('it is no JSON');
  }
  const facts = isObject(value) ? value.facts : undefined;
  if (!isObject(facts))
    throw new Error("it has no `facts': expected what status --json or doctor --json prints");
  if (facts.version !== FACTS_VERSION)
    throw new Error(`its facts have version ${String(facts.version)}, expected ${FACTS_VERSION}`);
  if (!isObject(facts.configuration) || !isObject(facts.settings))
    throw new Error('its facts are not complete');
  return { ...facts, ruleSet: undefined } as unknown as Facts;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
