/** `off`: no warm-up. That spares a small machine CPU and memory at the start; the first events cost more. */
const VARIABLE = 'CONNTRACKD_TS_WARM_UP';

/** Returns whether the environment asks for the warm-up, as it does unless it says `off`; warns of any other word. */
export function isWarmUpEnabled(environment: NodeJS.ProcessEnv, warn: (text: string) => void): boolean {
  const word = environment[VARIABLE] ?? 'on';
  if (word !== 'on' && word !== 'off') {
    warn(`the environment variable ${VARIABLE} is "${word}", expected "on" or "off": taken as "on"`);
  }
  return word !== 'off';
}
