/**
 * The language of filters:
 *
 *     filter = group { 'or' group }          `and` binds tighter than `or`, and may be left out
 *     group  = factor { ['and'] factor }
 *     factor = 'not' factor | '(' filter ')' | FLAG | FIELD value
 *     value  = [ '=' ] text { ',' text }     any of several
 *            | SIGN amount | 'over' amount | 'under' amount
 *
 * Words may come as one argument or as several. `field=value` and `field>amount` count as two words.
 */

import type { ListedFlow } from '../../../flow/listed/listed-flow.ts';
import type { KernelFilter } from '../../../kernel/listing/table-listing.ts';
import { unexpectedWord } from './error.ts';
import { FLAG_TERMS, readValue, type Term, VALUE_TERMS, type ValueTerm } from './terms.ts';
import { allOf, anyOf, type FlowContext, negate, type Test, Truth } from './truth.ts';

export interface FlowFilter {
  readonly test: Test;
  /** What the kernel may leave out, because no flow that it is about passes. */
  readonly kernel: KernelFilter;
  /** True where no word was given, so that every flow passes. */
  readonly isEmpty: boolean;
}

/** True for a flow of which the filter is sure. */
export function passes(filter: FlowFilter, flow: ListedFlow, context: FlowContext): boolean {
  return filter.test(flow, context) === Truth.YES;
}

const FLAGS = new Map(FLAG_TERMS.map((flag) => [flag.name, flag]));
const VALUES = new Map(VALUE_TERMS.map((term) => [term.name, term]));
const OPERATORS = ['and', 'or', 'not', '(', ')'];
const NAMES = [...FLAGS.keys(), ...VALUES.keys(), ...OPERATORS];

const EXPECTED = 'a word of a filter';

/** Nesting of `not` and parentheses, at most. */
const DEPTH_MAX = 100;

/** @throws WordError that names the word that means nothing */
export function parseFilter(args: readonly string[]): FlowFilter {
  const words = args.flatMap(split);
  if (words.length === 0) return { test: () => Truth.YES, kernel: {}, isEmpty: true };
  const parser = new Parser(words);
  const { test, kernel = {} } = parser.filter(0);
  parser.end();
  return { test, kernel, isEmpty: false };
}

/** Words of one argument; parentheses and the sign between a field and its value part words, too. */
function split(arg: string): string[] {
  return arg
    .replaceAll(/[()]/g, ' $& ')
    .split(/\s+/)
    .flatMap((word) => {
      const found = /^([a-z-]+)([<>]=?|=)(.*)$/i.exec(word);
      return found === null ? [word] : [found[1]!, `${found[2]}${found[3]}`];
    })
    .filter((word) => word !== '');
}

class Parser {
  private readonly words: readonly string[];
  private at = 0;

  constructor(words: readonly string[]) {
    this.words = words;
  }

  end(): void {
    if (this.at < this.words.length)
      throw unexpectedWord(this.words[this.at], `${EXPECTED}, or the end`, NAMES);
  }

  filter(depth: number): Term {
    const groups = [this.group(depth)];
    while (this.take('or')) groups.push(this.group(depth));
    return groups.length === 1 ? groups[0]! : { test: anyOf(groups.map(({ test }) => test)) };
  }

  private group(depth: number): Term {
    const factors = [this.factor(depth)];
    for (;;) {
      const hasAnd = this.take('and');
      const next = this.words[this.at]?.toLowerCase();
      if (!hasAnd && (next === undefined || next === 'or' || next === ')')) break;
      factors.push(this.factor(depth));
    }
    return {
      test: allOf(factors.map(({ test }) => test)),
      kernel: factors.map(({ kernel = {} }) => kernel).reduce(joined),
    };
  }

  private factor(depth: number): Term {
    if (depth > DEPTH_MAX)
      throw unexpectedWord(this.words[this.at], `at most ${DEPTH_MAX} parentheses and nots in one another`);
    if (this.take('not')) return { test: negate(this.factor(depth + 1).test) };
    if (this.take('(')) {
      const inner = this.filter(depth + 1);
      if (!this.take(')')) throw unexpectedWord(this.words[this.at], "`)'");
      return inner;
    }
    const word = this.words[this.at];
    const name = word?.toLowerCase() ?? '';
    const flag = FLAGS.get(name);
    const term = VALUES.get(name);
    if (flag === undefined && term === undefined) throw unexpectedWord(word, EXPECTED, NAMES);
    this.at++;
    return term === undefined ? flag!.term : this.value(term);
  }

  private value(term: ValueTerm): Term {
    let text = this.words[this.at++];
    if (term.compared) {
      if (text?.toLowerCase() === 'over') text = `>${this.words[this.at++] ?? ''}`;
      else if (text?.toLowerCase() === 'under') text = `<${this.words[this.at++] ?? ''}`;
      // `'> 1h'`, `idle > 1h` in quotes
      else if (/^[<>]?=?$/.test(text ?? 'none')) text = `${text}${this.words[this.at++] ?? ''}`;
      return readValue(term, text);
    }
    if (text === '=') text = this.words[this.at++];
    else if (text?.startsWith('=')) text = text.slice(1);
    const terms =
      text === undefined ? [readValue(term, text)] : text.split(',').map((one) => readValue(term, one));
    return terms.length === 1 ? terms[0]! : { test: anyOf(terms.map(({ test }) => test)) };
  }

  /** Goes on behind this word if it is the next. */
  private take(word: string): boolean {
    if (this.words[this.at]?.toLowerCase() !== word) return false;
    this.at++;
    return true;
  }
}

/** What the kernel may leave out where a flow has to pass both. Of two that contradict each other the first is as good. */
function joined(one: KernelFilter, other: KernelFilter): KernelFilter {
  const status =
    one.status === undefined || other.status === undefined
      ? (one.status ?? other.status)
      : { bits: one.status.bits | other.status.bits, mask: one.status.mask | other.status.mask };
  return { ...other, ...one, ...(status === undefined ? {} : { status }) };
}
