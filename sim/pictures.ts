/** Draws the pictures of the README: screens of real commands on a node of a real pair. Needs root. */

import { writeFileSync } from 'node:fs';
import { javascriptProgram, missingForLab } from './netns/lab.ts';
import { takePictures } from './pictures/scene.ts';
import { screenSvg } from './pictures/svg.ts';

const ROOT = new URL('../../', import.meta.url);

const missing = missingForLab(['script', 'stty']);
if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`);
const program = javascriptProgram(new URL('dist/program/main.js', ROOT).pathname);
for (const { name, title, screen } of await takePictures(program))
  writeFileSync(new URL(`docs/${name}.svg`, ROOT), screenSvg(screen, title));
