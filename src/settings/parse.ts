import { closestMatch } from 'leven';
import type { AST } from 'toml-eslint-parser';
import { getStaticTOMLValue, ParseError, parseTOML } from 'toml-eslint-parser';
import { type ConfigError, type Position, quote, refused, unexpected } from '../config/error.ts';
import { parseAllowedTraffic } from './allowed-traffic.ts';
import { parseListenAddress } from './listen-address.ts';
import { type ElementType, SECTIONS, type Value } from './schema.ts';
import {
  type ActiveNodesName,
  DEFAULT_SETTINGS,
  type GuardSettings,
  type LatencyName,
  type LogFormatName,
  type Settings,
} from './settings.ts';

/** Characters that a settings file may have. */
const FILE_MAX = 1 << 16;

/** Keys that are less alike are not meant by each other. */
const SUGGESTION_DISTANCE_MAX = 3;

/**
 * Reads the text of a settings file (TOML 1.0). `file` is for messages only.
 * @throws ConfigError, and nothing else, naming file, line, column, what was found and what is expected
 */
export function parseSettings(content: string, file: string): Settings {
  if (content.length > FILE_MAX) {
    const size = `${content.length} characters`;
    throw refused(file, { line: 1, column: 1 }, size, `the file has ${size}, the limit is ${FILE_MAX}`);
  }
  const values = new Values(file);
  for (const node of tomlBody(content, file)) {
    if (node.type === 'TOMLKeyValue') values.addPair([], node);
    else values.addTable(node);
  }
  values.checkWhole();
  return settingsFrom(values);
}

function tomlBody(content: string, file: string): AST.TOMLTopLevelTable['body'] {
  try {
    return parseTOML(content, { filePath: file }).body[0].body;
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const at = { line: error.lineNumber, column: error.column + 1 };
    throw refused(file, at, '', `no TOML: ${error.message}`);
  }
}

/** The values of a settings file by section and key, each checked as it is added. */
class Values {
  private readonly file: string;
  private readonly sections = new Map<string, { readonly at: Position; readonly keys: Map<string, Value> }>();

  constructor(file: string) {
    this.file = file;
  }

  /** The value of a key, undefined if the file does not have it. */
  get(section: string, key: string): Value | undefined {
    return this.sections.get(section)?.keys.get(key);
  }

  addTable(table: AST.TOMLTable): void {
    const path = table.key.keys.map(nameOf);
    const at = positionOf(table.key);
    if (table.kind === 'array')
      throw refused(this.file, at, quote(path.join('.')), 'a section stands once, as [name]');
    this.openSection(path.join('.'), at);
    for (const pair of table.body) this.addPair(path, pair);
  }

  /** Adds `key = value` below the section `path`; dotted keys and inline tables lead into further sections. */
  addPair(path: readonly string[], pair: AST.TOMLKeyValue): void {
    const keys = [...path, ...pair.key.keys.map(nameOf)];
    const at = positionOf(pair.key);
    if (pair.value.type === 'TOMLInlineTable') {
      this.openSection(keys.join('.'), at);
      for (const inner of pair.value.body) this.addPair(keys, inner);
      return;
    }
    const key = keys.pop()!;
    const section = keys.join('.');
    if (section === '') throw this.unknownSection(key, at, 'key');
    const { keys: known } = this.openSection(section, at);
    const types = SECTIONS[section]!.keys;
    if (!Object.hasOwn(types, key)) throw this.unknownKey(section, key, at);
    const type = types[key]!;
    const value = getStaticTOMLValue(pair.value as never) as Value;
    if (!type.accepts(value)) {
      throw unexpected(this.file, positionOf(pair.value), shown(value), [
        `${type.expected} for ${quote(key)}`,
      ]);
    }
    if (type.elements !== undefined) this.checkElements(key, pair.value, type.elements);
    known.set(key, value);
  }

  private checkElements(key: string, node: AST.TOMLContentNode, type: ElementType): void {
    const seen = new Set<Value>();
    for (const element of (node as AST.TOMLArray).elements) {
      const value = getStaticTOMLValue(element as never) as Value;
      const at = positionOf(element);
      const mistake = type.mistake(value);
      if (mistake !== undefined) {
        const { found, expected } = mistake;
        const where = found === undefined ? '' : `${quote(found)} in `;
        throw unexpected(this.file, at, where + shown(value), [`${expected} for ${quote(key)}`]);
      }
      if (seen.has(value)) {
        throw refused(this.file, at, shown(value), `${quote(key)} has ${shown(value)} twice`);
      }
      seen.add(value);
    }
  }

  /** What only the whole file shows: keys that exclude each other, and keys that are missing. */
  checkWhole(): void {
    for (const [name, { at, keys }] of this.sections) {
      const clash = SECTIONS[name]!.exclusive.find((pair) => pair.every((key) => keys.has(key)));
      if (clash !== undefined) {
        const both = clash.map(quote).join(' and ');
        throw refused(this.file, at, `[${name}]`, `[${name}] has both ${both}, expected one`);
      }
      const missing = SECTIONS[name]!.required.find((key) => !keys.has(key));
      if (missing !== undefined) {
        throw refused(this.file, at, `[${name}]`, `[${name}] has no ${quote(missing)}, which it needs`);
      }
    }
  }

  private openSection(
    name: string,
    at: Position,
  ): { readonly at: Position; readonly keys: Map<string, Value> } {
    const known = this.sections.get(name);
    if (known !== undefined) return known;
    if (!Object.hasOwn(SECTIONS, name)) throw this.unknownSection(name, at, 'section');
    const opened = { at, keys: new Map<string, Value>() };
    this.sections.set(name, opened);
    return opened;
  }

  private unknownSection(name: string, at: Position, what: 'section' | 'key'): ConfigError {
    const names = Object.keys(SECTIONS);
    const where = what === 'key' ? `key ${quote(name)} outside of a section` : `section ${quote(name)}`;
    return unexpected(
      this.file,
      at,
      where + suggestion(name, names),
      names.map((each) => `[${each}]`),
    );
  }

  private unknownKey(section: string, key: string, at: Position): ConfigError {
    const names = Object.keys(SECTIONS[section]!.keys);
    return unexpected(
      this.file,
      at,
      `key ${quote(key)} in [${section}]${suggestion(key, names)}`,
      names.map(quote),
    );
  }
}

function settingsFrom(values: Values): Settings {
  const { helper, links, log, peer, process, replication, standby } = DEFAULT_SETTINGS;
  const text = (section: string, key: string) => values.get(section, key) as string | undefined;
  const instance = text('failover', 'instance');
  const kind = instance === undefined ? 'group' : 'instance';
  const name = instance ?? text('failover', 'group');
  return {
    failover: {
      keepalivedFifo: text('failover', 'keepalived_fifo'),
      source: name === undefined ? undefined : { kind, name },
      guard: guardFrom(values),
    },
    helper: { optional: (values.get('helper', 'optional') as boolean | undefined) ?? helper.optional },
    metrics: { listen: parseListenAddress(text('metrics', 'listen') ?? '') },
    log: { format: (values.get('log', 'format') as LogFormatName | undefined) ?? log.format },
    process: {
      user: text('process', 'user'),
      dropPrivileges:
        (values.get('process', 'drop_privileges') as boolean | undefined) ?? process.dropPrivileges,
    },
    links: {
      senders: (values.get('links', 'senders') as readonly string[] | undefined) ?? links.senders,
      acceptAnySender:
        (values.get('links', 'accept_any_sender') as boolean | undefined) ?? links.acceptAnySender,
      keyFile: text('links', 'key_file'),
      latency: (values.get('links', 'latency') as LatencyName | undefined) ?? links.latency,
    },
    peer: {
      version: text('peer', 'version'),
      labels: (values.get('peer', 'labels') as boolean | undefined) ?? peer.labels,
    },
    replication: {
      resyncSeconds:
        (values.get('replication', 'resync_seconds') as number | undefined) ?? replication.resyncSeconds,
      activeNodes:
        (values.get('replication', 'active_nodes') as ActiveNodesName | undefined) ?? replication.activeNodes,
    },
    standby: {
      keep: (values.get('standby', 'keep') as boolean | undefined) ?? standby.keep,
      resyncSeconds: (values.get('standby', 'resync_seconds') as number | undefined) ?? standby.resyncSeconds,
    },
  };
}

/** Covers a commit of a million flows, and lets a machine that was forgotten in a takeover be reached again soon. */
const LIFT_AFTER_SECONDS = 10;

function guardFrom(values: Values): GuardSettings | undefined {
  const get = <T extends Value>(key: string) => values.get('failover.guard', key) as T | undefined;
  const interfaces = get<readonly string[]>('interfaces');
  if (interfaces === undefined) return undefined;
  return {
    interfaces,
    allow: (get<readonly string[]>('allow') ?? []).map(parseAllowedTraffic),
    liftAfterSeconds: get<number>('lift_after_seconds') ?? LIFT_AFTER_SECONDS,
  };
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === 'TOMLBare' ? key.name : key.value;
}

function positionOf({ loc }: { readonly loc: AST.SourceLocation }): Position {
  return { line: loc.start.line, column: loc.start.column + 1 };
}

function suggestion(name: string, names: readonly string[]): string {
  const meant = closestMatch(name, [...names], { maxDistance: SUGGESTION_DISTANCE_MAX });
  return meant === undefined ? '' : ` (did you mean ${quote(meant)}?)`;
}

function shown(value: Value): string {
  if (typeof value === 'string') return quote(value);
  return quote(value instanceof Date ? value.toISOString() : JSON.stringify(value));
}
