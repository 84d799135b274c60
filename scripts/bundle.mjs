// Joins the modules of the program to a few files: Node opens and compiles each module by itself, which costs every start time
// and memory. Only koffi stays outside, because it loads a library from its own folder.
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = new URL('../', import.meta.url);
const compiled = (name) => fileURLToPath(new URL(`dist/src/${name}.js`, root));

const bundle = await rolldown({
  input: {
    main: compiled('cli/main'),
    foreground: compiled('cli/foreground'),
    detached: compiled('cli/detached'),
    'disable-helpers': compiled('daemon/helper/disable-helpers'),
  },
  platform: 'node',
  external: ['koffi'],
});
await bundle.write({ dir: fileURLToPath(new URL('dist/program', root)), chunkFileNames: '[name].js' });
await bundle.close();
