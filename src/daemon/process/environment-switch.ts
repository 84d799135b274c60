/** Whether an environment variable is `on`, its default, or `off`. Warns of any other word, and takes it as `on`. */
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
