import type { Facts } from '../../facts/facts.ts';
import { type Finding, ok, unseen, warning } from '../finding.ts';

/** How a daemon here would wait for events. */
export function checkEventLoop({ eventLoop, nativeTrouble }: Facts): Finding[] {
  const check = 'event loop';
  if (nativeTrouble !== undefined) return [unseen(check, 'cannot be tried without koffi')];
  const { description, trouble, warnings } = eventLoop;
  const found =
    trouble === undefined
      ? ok(check, description)
      : warning(
          check,
          description,
          'each event costs more CPU than with a Node of the versions that were tried',
        );
  const advice = 'unset the variable, or correct it';
  return [found, ...warnings.map((text) => warning(check, text, advice))];
}
