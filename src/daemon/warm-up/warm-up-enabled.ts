/** `off`: no rehearsal. Then a small machine is left alone at the start, and the first events cost more. */
const VARIABLE = 'CONNTRACKD_TS_WARM_UP';

/** What the environment says, `on` unless it says anything; a word that is neither is warned of. */
export function isWarmUpEnabled(environment: NodeJS.ProcessEnv, warn: (text: string) => void): boolean {
  const word = environment[VARIABLE] ?? 'on';
  if (word !== 'on' && word !== 'off') {
    warn(`the environment variable ${VARIABLE} is "${word}", expected "on" or "off": taken as "on"`);
  }
  return word !== 'off';
}
