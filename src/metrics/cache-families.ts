import type { CacheFigures, NodeFigures, SidesFigures } from '../control/node-figures.ts';
import { counter, type Family, gauge, type Labels } from './family.ts';

interface LabelledCache {
  readonly labels: Labels;
  readonly cache: CacheFigures;
}

function cachesIn(sides: SidesFigures | undefined, content: string): LabelledCache[] {
  if (sides === undefined) return [];
  return [sides.internal, sides.external].flatMap((cache) =>
    cache.kind === 'cache' ? [{ labels: { cache: cache.name, content }, cache }] : [],
  );
}

function cachesOf({ flows, expectations, cache }: NodeFigures): LabelledCache[] {
  const stats = cache === undefined ? [] : [{ labels: { cache: cache.name, content: 'flows' }, cache }];
  return [...cachesIn(flows, 'flows'), ...cachesIn(expectations, 'expectations'), ...stats];
}

/** The caches: what they hold, and what was done to them. */
export function cacheFamilies(figures: NodeFigures): Family[] {
  const caches = cachesOf(figures);
  const each = (value: (cache: CacheFigures) => number | undefined) =>
    caches.map(({ labels, cache }) => [labels, value(cache)] as const);
  const byOutcome = (pairs: readonly (readonly [string, (cache: CacheFigures) => number | undefined])[]) =>
    caches.flatMap(({ labels, cache }) =>
      pairs.map(([operation, value]) => [{ ...labels, operation }, value(cache)] as const),
    );
  return [
    gauge(
      'conntrackd_cache_records',
      'Records in a cache that are alive.',
      each(({ active }) => active),
    ),
    counter(
      'conntrackd_cache_changes_total',
      'Records created, updated and destroyed in a cache.',
      byOutcome([
        ['create', ({ created }) => created],
        ['update', ({ updated }) => updated],
        ['destroy', ({ destroyed }) => destroyed],
      ]),
    ),
    counter(
      'conntrackd_cache_failures_total',
      'Changes of a cache that failed.',
      byOutcome([
        ['create', ({ createFailed }) => createFailed],
        ['update', ({ updateFailed }) => updateFailed],
        ['destroy', ({ destroyFailed }) => destroyFailed],
      ]),
    ),
    counter(
      'conntrackd_cache_full_total',
      'Records refused because the cache held HashLimit.',
      each(({ createNoSpace }) => createNoSpace),
    ),
    ...injectionFamilies(figures),
  ];
}

/** With DisableExternalCache: what was put straight into the kernel. */
function injectionFamilies({ flows, expectations }: NodeFigures): Family[] {
  const injections = [
    ['flows', flows],
    ['expectations', expectations],
  ].flatMap(([content, sides]) => {
    const external = (sides as SidesFigures | undefined)?.external;
    return external?.kind === 'inject' ? [{ content: content as string, external }] : [];
  });
  return [
    counter(
      'conntrackd_injected_total',
      "What was put straight into the kernel's table.",
      injections.flatMap(({ content, external: { created, updated, destroyed } }) => [
        [{ content, operation: 'create' }, created],
        [{ content, operation: 'update' }, updated],
        [{ content, operation: 'destroy' }, destroyed],
      ]),
    ),
    counter(
      'conntrackd_injection_failures_total',
      'What the kernel refused of that.',
      injections.flatMap(({ content, external: { createFailed, updateFailed, destroyFailed } }) => [
        [{ content, operation: 'create' }, createFailed],
        [{ content, operation: 'update' }, updateFailed],
        [{ content, operation: 'destroy' }, destroyFailed],
      ]),
    ),
  ];
}
