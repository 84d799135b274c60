import type { NodeFigures } from '../control/node-figures.ts';
import type { LinkStatistics } from '../control/snapshot.ts';
import { counter, type Family, gauge } from './family.ts';

/** The dedicated links, and the messages on them. */
export function linkFamilies({ links = [], network, queues }: NodeFigures): Family[] {
  const each = (value: (link: LinkStatistics) => number) =>
    links.map(
      (link) => [{ device: link.device, transport: link.transport.toLowerCase() }, value(link)] as const,
    );
  const bothWays = (sent: (link: LinkStatistics) => number, received: (link: LinkStatistics) => number) =>
    links.flatMap((link) => {
      const labels = { device: link.device, transport: link.transport.toLowerCase() };
      return [
        [{ ...labels, direction: 'sent' }, sent(link)],
        [{ ...labels, direction: 'received' }, received(link)],
      ] as const;
    });
  return [
    gauge(
      'conntrackd_link_up',
      'Whether the interface of a dedicated link is up and has a carrier.',
      each(({ status }) => Number(status === 'RUNNING')),
    ),
    gauge(
      'conntrackd_link_active',
      'Whether a dedicated link is the one in use.',
      each(({ active }) => Number(active)),
    ),
    counter(
      'conntrackd_link_bytes_total',
      'Bytes on a dedicated link.',
      bothWays(
        ({ bytesSent }) => bytesSent,
        ({ bytesReceived }) => bytesReceived,
      ),
    ),
    counter(
      'conntrackd_link_packets_total',
      'Datagrams on a dedicated link; writes and reads of a TCP link.',
      bothWays(
        ({ packetsSent }) => packetsSent,
        ({ packetsReceived }) => packetsReceived,
      ),
    ),
    counter(
      'conntrackd_link_errors_total',
      'Errors of a dedicated link.',
      bothWays(
        ({ errorsSent }) => errorsSent,
        ({ errorsReceived }) => errorsReceived,
      ),
    ),
    counter('conntrackd_messages_malformed_total', 'Messages refused, by what was wrong with them.', [
      [{ reason: 'version' }, network?.badVersion],
      [{ reason: 'header' }, network?.badHeader],
      [{ reason: 'payload' }, network?.badPayload],
      [{ reason: 'type' }, network?.badType],
      [{ reason: 'truncated' }, network?.truncated],
      [{ reason: 'size' }, network?.badSize],
    ]),
    counter(
      'conntrackd_messages_lost_total',
      'Messages that never came, by the gaps in their numbers.',
      network?.lost,
    ),
    counter('conntrackd_messages_stale_total', 'Messages whose number had passed already.', network?.before),
    counter(
      'conntrackd_acknowledgements_refused_total',
      'Acknowledgements of numbers that were never sent.',
      network?.unfoundedAcks,
    ),
    counter(
      'conntrackd_hellos_refused_total',
      "HELLOs in a peer's name while its numbers went on as before.",
      network?.falseHellos,
    ),
    gauge(
      'conntrackd_queue_length',
      'Elements in a queue.',
      (queues?.queues ?? []).map(({ name, elements }) => [{ queue: name }, elements]),
    ),
    gauge(
      'conntrackd_queue_limit',
      'Elements that a queue holds at most.',
      (queues?.queues ?? []).map(({ name, maximum }) => [{ queue: name }, maximum]),
    ),
    counter(
      'conntrackd_queue_dropped_total',
      'Elements refused by a full queue, or dropped from it.',
      (queues?.queues ?? []).map(({ name, noSpace }) => [{ queue: name }, noSpace]),
    ),
  ];
}
