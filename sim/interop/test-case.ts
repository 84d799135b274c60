import type { LabOptions } from '../netns/lab.ts';
import type { Link, Mode } from './setting.ts';
import type { CaseConfiguration, Stage } from './stage.ts';

/** One thing that two nodes must do together. */
export interface TestCase {
  /** One character, which the grid shows. */
  readonly letter: string;
  /** As `--only` takes it. */
  readonly name: string;
  /** What is shown when it passes. */
  readonly sentence: string;
  /** Why it makes no sense in this mode over this link; undefined if it does. */
  readonly senseless?: (mode: Mode, link: Link) => string | undefined;
  /** Why this machine's kernel cannot do it; undefined if it can. */
  readonly kernelLacks?: () => Promise<string | undefined>;
  readonly lab?: LabOptions;
  readonly configuration?: CaseConfiguration;
  /** Rejects, with what was expected and what came, if the nodes do not do it. */
  play(stage: Stage): Promise<void>;
}
