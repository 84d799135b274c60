import type { MakerPlace } from '../../sim/load/make-events.ts';

/**
 * Where a load runs whose evenness counts: before all other processes but the nodes. In the field it comes from packets. A maker that
 * waits for a processor makes bursts, which measure something else.
 */
export const LOAD_PLACE: MakerPlace = { realtimePriority: 1 };
