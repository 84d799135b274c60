/** What both sides need to hold hundreds of thousands of flows: the limit of the C node's caches, and buffers for the burst. */
export const LARGE_TABLES = {
  mode: 'FTFW',
  transport: 'UDP',
  inMode: ['ResendQueueSize 262144'],
  inTransport: ['SndSocketBuffer 16777216', 'RcvSocketBuffer 16777216'],
  inGeneral: [
    'HashSize 65536',
    'HashLimit 524288',
    'NetlinkBufferSize 268435456',
    'NetlinkBufferSizeMaxGrowth 268435456',
  ],
} as const;
