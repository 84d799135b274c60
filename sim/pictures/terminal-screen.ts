/** How a character looks. */
export interface Style {
  readonly isBold: boolean;
  readonly isReverse: boolean;
}

export interface Cell extends Style {
  readonly text: string;
}

const PLAIN: Style = { isBold: false, isReverse: false };
const BLANK: Cell = { text: ' ', ...PLAIN };

/** A control sequence, a control character, or one character of text. */
const TOKEN = new RegExp(`${'\x1b'}\\[([?0-9;]*)([A-Za-z])|.`, 'gsu');

/**
 * A terminal, as far as our commands use one (ECMA-48 and xterm's alternate screen). It refuses what it does not know, so that a
 * picture of it shows what a terminal would.
 */
export class TerminalScreen {
  readonly columns: number;
  readonly lines: number;
  private cells: Cell[][];
  private column = 0;
  private line = 0;
  private style = PLAIN;

  constructor(columns: number, lines: number) {
    this.columns = columns;
    this.lines = lines;
    this.cells = Array.from({ length: lines }, () => this.blankLine());
  }

  /** Rows of cells from the top. */
  get rows(): readonly (readonly Cell[])[] {
    return this.cells;
  }

  /** @throws Error that names a control sequence or character that it does not know */
  write(output: string): void {
    for (const [token, parameters, final] of output.matchAll(TOKEN)) {
      if (final !== undefined) this.control(parameters!, final);
      else if (token === '\r') this.column = 0;
      else if (token === '\n') this.feedLine();
      else if (/\p{Cc}/u.test(token)) throw new Error(`unknown control character ${JSON.stringify(token)}`);
      else this.put(token);
    }
  }

  private put(text: string): void {
    if (this.column === this.columns) {
      this.column = 0;
      this.feedLine();
    }
    this.cells[this.line]![this.column++] = { text, ...this.style };
  }

  private feedLine(): void {
    if (this.line < this.lines - 1) this.line++;
    else this.cells = [...this.cells.slice(1), this.blankLine()];
  }

  private control(parameters: string, final: string): void {
    switch (`${parameters}${final}`) {
      case 'H':
        this.column = 0;
        this.line = 0;
        break;
      case 'K':
        this.cells[this.line]!.fill(BLANK, this.column);
        break;
      case 'J':
        this.cells[this.line]!.fill(BLANK, this.column);
        for (let line = this.line + 1; line < this.lines; line++) this.cells[line] = this.blankLine();
        break;
      case '0m':
        this.style = PLAIN;
        break;
      case '1m':
        this.style = { ...this.style, isBold: true };
        break;
      case '7m':
        this.style = { ...this.style, isReverse: true };
        break;
      case '?1049h':
        this.cells = this.cells.map(() => this.blankLine());
        break;
      // The cursor is in no picture.
      case '?25l':
      case '?25h':
        break;
      default:
        throw new Error(`unknown control sequence ESC [ ${parameters}${final}`);
    }
  }

  private blankLine(): Cell[] {
    return Array.from({ length: this.columns }, () => BLANK);
  }
}
