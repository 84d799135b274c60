import { fileURLToPath } from 'node:url';

/** The root of the repository; this module is compiled to dist/scripts/package. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
