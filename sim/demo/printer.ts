/** Prints what the demo does, step by step. */
export interface StepPrinter {
  title(text: string): void;
  /** Something that the demo does or finds. */
  step(text: string): void;
  /** Lines that a program printed. */
  quote(text: string): void;
  verdict(good: boolean, text: string): void;
}

export interface DemoResult {
  readonly survived: boolean;
  readonly survivedWithoutCommit: boolean;
}

export function stepPrinter(print: (line: string) => void): StepPrinter {
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
