import { FLAG_TERMS, VALUE_TERMS } from './terms.ts';

const WIDTH = 28;

function line(words: string, help: string): string {
  return `  ${words.padEnd(WIDTH)} ${help}\n`;
}

/** What the words of a filter are. */
export const FILTER_HELP = `FILTER is words that a flow has to meet, all of them. \`or', \`not' and parentheses work; a value may be a list
(dport 80,443). What is not known of a flow meets nothing, not even \`not'.
${VALUE_TERMS.map(({ name, value, help }) => line(`${name} ${value}`, help)).join('')}${FLAG_TERMS.map(({ name, help }) => line(name, help)).join('')}  TIME is 90, 90s, 5m, 1h30m, 2d; AMOUNT is 1500, 10k, 1.5M, 2G. over 1h is '>1h', under 1h is '<1h'.
`;
