/** How many times as long as usual this machine may take for each step: 15, say, where the processor is emulated. */
export const PATIENCE = Math.max(1, Number(process.env.CONNTRACKD_TS_PATIENCE ?? '1') || 1);
