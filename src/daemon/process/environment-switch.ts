/** Whether an environment variable says `on`, as it does unless it is set, or `off`. A word that is neither is warned of. */
export function isSwitchedOn(
  variable: string,
  environment: NodeJS.ProcessEnv,
  warn: (text: string) => void,
): boolean {
  const word = environment[variable] ?? 'on';
  if (word !== 'on' && word !== 'off') {
    warn(`the environment variable ${variable} is "${word}", expected "on" or "off": taken as "on"`);
  }
  return word !== 'off';
}
