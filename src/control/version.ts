import { createRequire } from 'node:module';

// The package's own name, so that it is found from the sources and from the built program alike.
const { version } = createRequire(import.meta.url)('conntrackd-ts/package.json') as { version: string };

/** Version of this package. */
export const VERSION: string = version;

/** Version of what programs read, docs/json.md: grows when a member of it goes, or gets another name, type, unit or meaning. */
export const SCHEMA_VERSION = 1;
