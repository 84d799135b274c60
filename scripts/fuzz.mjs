// The fuzzer, as built: Node 20 runs no TypeScript.
const { main } = await import('../dist/sim/fuzz/main.js');
process.exitCode = await main(process.argv.slice(2));
