/**
 * Environment variables that change what Node, libuv, OpenSSL or ICU do: NODE_OPTIONS loads code, NODE_V8_COVERAGE writes files,
 * OPENSSL_CONF loads libraries, NODE_CHANNEL_FD takes a descriptor. Whole families, because each version of Node knows others.
 * The loader's own (`LD_*`) are not among them: it has acted on them before, and Node may need them to run at all.
 */
const RUNTIME = /^(NODE_|UV_|OPENSSL_|ICU_DATA$|WATCH_REPORT_DEPENDENCIES$)/;

/** Set on many machines and in containers; without TLS they change nothing. */
const INERT = /^(NODE_ENV|NODE_VERSION|NODE_EXTRA_CA_CERTS|NODE_TLS_.*|NODE_USE_SYSTEM_CA)$/;

/** The names of the variables that change how the runtime works; sorted. */
export function runtimeVariables(environment: NodeJS.ProcessEnv): string[] {
  return Object.keys(environment)
    .filter((name) => RUNTIME.test(name) && !INERT.test(name))
    .sort();
}

/** The environment without any variable that is for the runtime. */
export function withoutRuntimeVariables(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !RUNTIME.test(name)));
}

/** The warning about {@link runtimeVariables}. */
export function variablesWarning(names: readonly string[]): string {
  return `the daemon ignores ${names.join(', ')} of the environment, which may not change what it does`;
}
