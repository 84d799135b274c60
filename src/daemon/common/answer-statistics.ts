import { plainRequest, wantsJson } from '../../control/codes.ts';
import { type Answer, stream } from '../../control/server.ts';
import type { Snapshot } from '../../control/snapshot.ts';
import { statisticsLines } from '../../control/statistics.ts';
import { statisticsJson } from '../../control/statistics-json.ts';

/** Answers a request for statistics as text or as JSON; text for any other request is empty. */
export async function answerStatistics(request: number, answer: Answer, snapshot: Snapshot): Promise<void> {
  const lines = wantsJson(request) ? statisticsJson : statisticsLines;
  await stream(answer, lines(plainRequest(request), snapshot));
}
