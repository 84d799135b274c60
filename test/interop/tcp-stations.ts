import { until } from '../../sim/netns/until.ts';
import type { RemoteStation } from '../link/stations.ts';

/** Which of its two connections a TCP link of a station has; undefined for a link of datagrams. */
export const connectedOf = async (station: RemoteStation, link = 0) =>
  (await station.figures()).links[link]!.connected;

export async function untilConnected(...stations: readonly RemoteStation[]): Promise<void> {
  for (const station of stations) {
    await until('both connections', async () => {
      const connected = await connectedOf(station);
      return connected?.server && connected.client;
    });
  }
}

/** Waits for `count` messages at least, and returns what the station has counted then. `timeout` in milliseconds. */
export async function untilMessages(station: RemoteStation, count: number, timeout?: number) {
  await until(
    `${count} messages`,
    async () => {
      const { messages } = await station.figures();
      if (messages < count) throw new Error(`${messages} so far`);
      return true;
    },
    timeout,
  );
  return station.figures();
}
