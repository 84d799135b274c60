import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** A folder that holds what a package installs. Paths in it are absolute, as they are once it is installed. */
export class FileTree {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
    mkdirSync(root, { recursive: true });
  }

  addText(path: string, text: string | Buffer, mode = 0o644): void {
    writeFileSync(this.place(path), text);
    chmodSync(join(this.root, path), mode);
  }

  addFile(path: string, source: string, mode = 0o644): void {
    copyFileSync(source, this.place(path));
    chmodSync(join(this.root, path), mode);
  }

  /** Packs the text with gzip, without a name and a time. */
  addCompressed(path: string, text: string | Buffer): void {
    this.addText(`${path}.gz`, execFileSync('gzip', ['-9n'], { input: text }));
  }

  /** Copies the files of a folder whose paths in it are wanted; scripts stay executable, and libraries are not (Debian policy, 8.1). */
  addFolder(path: string, source: string, isWanted: (file: string) => boolean): void {
    for (const file of filesBelow(source)) {
      const name = relative(source, file);
      const isProgram = (lstatSync(file).mode & 0o100) !== 0 && !name.endsWith('.node');
      const mode = isProgram ? 0o755 : 0o644;
      if (isWanted(name)) this.addFile(join(path, name), file, mode);
    }
  }

  addLink(path: string, target: string): void {
    symlinkSync(target, this.place(path));
  }

  /** Paths of files, without folders and links, in the order of their bytes. */
  files(): string[] {
    return filesBelow(this.root)
      .filter((file) => lstatSync(file).isFile())
      .map((file) => `/${relative(this.root, file)}`)
      .sort();
  }

  read(path: string): Buffer {
    return readFileSync(join(this.root, path));
  }

  /** Size on a disk of blocks of 1 KiB, as Debian's policy counts Installed-Size. */
  kibibytes(): number {
    const all = readdirSync(this.root, { recursive: true, encoding: 'utf8' });
    return all
      .map((name) => lstatSync(join(this.root, name)))
      .reduce((sum, status) => sum + (status.isFile() ? Math.ceil(status.size / 1024) : 1), 0);
  }

  /** Gives everything this one time, in seconds since 1970, and folders the mode 0755. */
  setTimes(seconds: number): void {
    const all = readdirSync(this.root, { recursive: true, encoding: 'utf8' });
    // Folders last: what changes in them changes their time.
    for (const name of all.sort().reverse().concat('')) {
      const path = join(this.root, name);
      if (lstatSync(path).isDirectory()) chmodSync(path, 0o755);
      lutimesSync(path, seconds, seconds);
    }
  }

  private place(path: string): string {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    return file;
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}
