/** Draws the pictures of the README: screens of real commands on a node of a real pair, and the console of a real Prometheus. Needs root. */

import { writeFileSync } from 'node:fs';
import { javascriptProgram, missingForLab } from './netns/lab.ts';
import { photographConsole } from './pictures/console-page.ts';
import { takePictures } from './pictures/scene.ts';
import { screenSvg } from './pictures/svg.ts';

const ROOT = new URL('../../', import.meta.url);

const missing = missingForLab(['script', 'stty', 'chromium', 'busybox']);
if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`);
const program = javascriptProgram(new URL('dist/program/main.js', ROOT).pathname);
for (const { name, title, screen } of await takePictures(program))
  writeFileSync(new URL(`docs/${name}.svg`, ROOT), screenSvg(screen, title));
await photographConsole(program, new URL('packaging/', ROOT), new URL('docs/console.png', ROOT).pathname);
