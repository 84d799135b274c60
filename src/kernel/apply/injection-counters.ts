/** How many requests succeeded and failed, named as in `conntrackd -s cache`. */
export interface InjectionCounters {
  created: number;
  createFailed: number;
  updated: number;
  updateFailed: number;
  destroyed: number;
  destroyFailed: number;
}

export const noCounters = (): InjectionCounters => ({
  created: 0,
  createFailed: 0,
  updated: 0,
  updateFailed: 0,
  destroyed: 0,
  destroyFailed: 0,
});
