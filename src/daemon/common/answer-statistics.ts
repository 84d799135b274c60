import { plainRequest, wantsJson } from '../../control/codes.ts';
import type { Answer } from '../../control/server.ts';
import type { Snapshot } from '../../control/snapshot.ts';
import { statisticsLines } from '../../control/statistics.ts';
import { statisticsJson } from '../../control/statistics-json.ts';

/** Answers a request for statistics as text or as JSON; text for any other request is empty. */
export function answerStatistics(request: number, answer: Answer, snapshot: Snapshot): void {
  const lines = wantsJson(request) ? statisticsJson : statisticsLines;
  answer.write([...lines(plainRequest(request), snapshot)].join(''));
}
