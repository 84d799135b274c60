/** Tells what happens, step by step. */
export interface Narrator {
  title(text: string): void;
  /** Something that is done, or found. */
  step(text: string): void;
  /** Lines that a program printed. */
  quote(text: string): void;
  verdict(good: boolean, text: string): void;
}

export interface Shown {
  readonly survived: boolean;
  readonly survivedWithoutCommit: boolean;
}

export function narrator(print: (line: string) => void): Narrator {
  let number = 0;
  return {
    title(text) {
      print('');
      print(text);
      print('='.repeat(text.length));
      number = 0;
    },
    step(text) {
      print(`${String(++number).padStart(2)}. ${text}`);
    },
    quote(text) {
      for (const line of text.trimEnd().split('\n')) print(`      | ${line}`);
    },
    verdict(good, text) {
      print('');
      print(`${good ? 'PROVEN' : 'FAILED'}: ${text}.`);
    },
  };
}
