import type { HelperStatistics } from '../control/helpers.ts';
import type { NodeFigures } from '../control/node-figures.ts';
import { counter, type Family } from './family.ts';

/** The helpers of the Helper clause. */
export function helperFamilies({ helpers }: NodeFigures): Family[] {
  const all = helpers?.helpers ?? [];
  const each = (value: (helper: HelperStatistics) => number) =>
    all.map((helper) => {
      const { name, family, transport } = helper;
      return [
        { helper: name, family: family === 'inet' ? 'ipv4' : 'ipv6', transport },
        value(helper),
      ] as const;
    });
  return [
    counter(
      'conntrackd_helper_packets_total',
      'Packets that a helper looked at.',
      each(({ packets }) => packets),
    ),
    counter(
      'conntrackd_helper_dropped_total',
      'Packets that a helper dropped, because what they announce could not be expected.',
      each(({ dropped }) => dropped),
    ),
    counter(
      'conntrackd_helper_expectations_total',
      'Expectations of a helper that the kernel took.',
      each(({ expectations }) => expectations),
    ),
    counter(
      'conntrackd_helper_expectations_refused_total',
      'Expectations of a helper that the kernel refused.',
      each(({ expectationsRefused }) => expectationsRefused),
    ),
    counter(
      'conntrackd_helper_failures_total',
      'Packets that went on because the helper failed.',
      each(({ failed }) => failed),
    ),
  ];
}
