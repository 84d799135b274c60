import { describe, expect, it } from 'vitest';
import { bindLoop, choose, type LoopHost, selfTest } from '../../../src/system/loop/event-loop.ts';
import { POLLNVAL } from '../../../src/system/loop/poll-loop.ts';
import { bind, startPoll } from '../../../src/system/native.ts';

const tickCallback = (process as unknown as { _tickCallback: () => void })._tickCallback;
const HOST: LoopHost = { isMainThread: true, tickCallback, bind, startPoll };

/** This process without one of its functions. */
function without(name: string): LoopHost {
  return {
    ...HOST,
    bind: (prototype) => {
      if (prototype.includes(` ${name}(`)) throw new Error(`no ${name} here`);
      return bind(prototype);
    },
  };
}

const neverWarn = (text: string) => expect.unreachable(text);

describe.skipIf(process.platform !== 'linux')('the event loop', () => {
  it('polls directly unless the environment sets libuv', async () => {
    expect(await choose({}, neverWarn, HOST)).toMatchObject({ description: 'direct polling' });
    expect(await choose({ CONNTRACKD_TS_EVENT_LOOP: 'direct' }, neverWarn, HOST)).toMatchObject({
      description: 'direct polling',
    });
    expect(await choose({ CONNTRACKD_TS_EVENT_LOOP: 'libuv' }, neverWarn, HOST)).toEqual({
      pollLoop: undefined,
      description: 'libuv (CONNTRACKD_TS_EVENT_LOOP=libuv)',
    });
  });

  it('warns of a word that it does not know, and names those that it does', async () => {
    const warnings: string[] = [];
    const environment = { CONNTRACKD_TS_EVENT_LOOP: 'epoll' };
    const { description } = await choose(environment, (text) => warnings.push(text), HOST);
    expect(description).toBe('direct polling');
    expect(warnings).toEqual([
      'the environment variable CONNTRACKD_TS_EVENT_LOOP is "epoll", expected "direct" or "libuv": taken as "direct"',
    ]);
  });

  it.each(['uv_default_loop', 'uv_backend_fd', 'uv_backend_timeout', 'uv_update_time', 'eventfd', 'poll'])(
    'is libuv where %s is missing, and reports it',
    async (name) => {
      const { pollLoop, description } = await choose({}, neverWarn, without(name));
      expect(pollLoop).toBeUndefined();
      expect(description).toBe(`libuv, because ${name} is missing: no ${name} here`);
    },
  );

  it.each<[string, Partial<LoopHost>]>([
    ['this is not the main thread', { isMainThread: false }],
    ['this Node has no process._tickCallback', { tickCallback: undefined }],
    ['process._tickCallback runs no ticks', { tickCallback: () => {} }],
    [
      'koffi has no node.poll',
      {
        startPoll: () => {
          throw new Error('koffi has no node.poll');
        },
      },
    ],
  ])('is libuv because %s', async (trouble, missing) => {
    const loop = await choose({}, neverWarn, { ...HOST, ...missing });
    expect(loop).toEqual({ pollLoop: undefined, description: `libuv, because ${trouble}`, trouble });
  });
});

describe.skipIf(process.platform !== 'linux')('the self-test of the event loop', () => {
  it('passes on this Node in little time', async () => {
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise<void>((resolve, reject) =>
      setImmediate(() => {
        try {
          const bound = bindLoop(HOST);
          const begin = performance.now();
          selfTest(bound);
          expect(performance.now() - begin).toBeLessThan(50);
          resolve();
        } catch (error) {
          reject(error);
        }
      }),
    );
  });

  it('finds each call that does not do what it should', () => {
    const { calls, readableFd } = bindLoop(HOST);
    const answering = (first: number, second: number) => (size: number) => {
      const words = new Int32Array(size);
      const poll = () => {
        new Uint16Array(words.buffer)[3] = first;
        new Uint16Array(words.buffer)[7] = second;
        return first === 0 ? 0 : 1;
      };
      return { words, poll };
    };
    const tested = (changes: Partial<typeof calls>) => () =>
      selfTest({ calls: { ...calls, ...changes }, readableFd });
    expect(tested({ backend: -1 })).toThrowError('uv_backend_fd has no descriptor');
    expect(tested({ backendTimeout: () => -7 })).toThrowError('uv_backend_timeout is -7');
    expect(tested({ backendTimeout: () => Number.NaN })).toThrowError('uv_backend_timeout is NaN');
    expect(tested({ vector: answering(0, 0) })).toThrowError('poll does not find a readable descriptor');
    expect(tested({ vector: answering(1, POLLNVAL) })).toThrowError('uv_backend_fd is no open descriptor');
    const updateTime = () => {
      throw new Error('no time');
    };
    expect(tested({ updateTime })).toThrowError('no time');
  });
});
