import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingForLab } from '../../sim/netns/availability.ts';
import { openScope, type Scope } from '../../sim/netns/scope.ts';
import { generatedScript } from './c-model/generated.ts';
import { playModel } from './c-model/model.ts';
import { type Bench, openBench, playReal } from './c-model/real.ts';
import type { Course, Outcome, Script } from './c-model/script.ts';
import { SCRIPTS } from './c-model/scripts.ts';

/** The first of ten seeds; each names its test. */
const FIRST_SEED = Number(process.env.C_MODEL_SEED ?? 1);
const BENCHES = 2;
/** Seconds by which two clocks that count whole ones may differ. */
const CLOCK = 2;
const GENERATED = Array.from({ length: 10 }, (_, n) => generatedScript(FIRST_SEED + n, 60));

/** Plays a script to a real node and to the model, and compares. */
async function compare(bench: Bench, script: Script): Promise<void> {
  const { outcome, course } = await playReal(bench, script);
  const model = playModel(script, course, outcome);
  expect(comparable(model, script)).toEqual(comparable(outcome, script));
  const slack = CLOCK + slowness(script, course) / 1000;
  outcome.timeouts.forEach((timeout, n) => {
    expect(Math.abs(timeout - model.timeouts[n]!)).toBeLessThanOrEqual(slack);
  });
}

const ATTEMPTS = 3;

/**
 * In ALARM mode all hangs on the real time, in the others what a second of silence brings; a busy machine does not keep it.
 * What differs must differ each time.
 */
async function compareInTime(bench: Bench, script: Script): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await compare(bench, script);
      return;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

/** Milliseconds that the real node was given more than the script says. */
function slowness({ steps }: Script, { started, ended }: Course): number {
  const waited = steps.reduce((sum, step) => sum + (step.do === 'wait' ? step.milliseconds : 0), 0);
  return ended - started - waited;
}

function comparable(outcome: Outcome, { unordered }: Script): Omit<Outcome, 'timeouts'> {
  const { timeouts: _, ...rest } = outcome;
  if (!unordered) return rest;
  const messages = rest.sent.map((line) => line.replace(/^ {2}#\d+ /, ''));
  return { ...rest, sent: [...new Set(messages)].sort() };
}

describe('the model of the C node does what the C node does', () => {
  let scope: Scope;
  const free: Bench[] = [];
  const waiting: ((bench: Bench) => void)[] = [];

  beforeAll(async () => {
    expect(missingForLab()).toEqual([]);
    scope = openScope('ctm');
    for (let n = 0; n < BENCHES; n++) free.push(await openBench(scope, n));
  });

  afterAll(() => scope?.close());

  async function onFreeBench(script: Script): Promise<void> {
    const bench = free.pop() ?? (await new Promise<Bench>((resolve) => waiting.push(resolve)));
    try {
      await compareInTime(bench, script);
    } finally {
      const next = waiting.shift();
      if (next) next(bench);
      else free.push(bench);
    }
  }

  it.concurrent.each(SCRIPTS)('$name', onFreeBench);

  it.concurrent.each(GENERATED)('generated from $name', onFreeBench);
});
