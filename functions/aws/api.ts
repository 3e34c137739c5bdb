import { handle, type LambdaEvent } from 'hono/aws-lambda';
import { type Environment, warmOnce } from '../../lib/engine/aws/function/warm.ts';
import { problem } from '../api/ports.ts';
import { api } from '../api.ts';
import { overviewPorts } from './ports.ts';

/** Lambda carries an answer of six megabytes at most, and says of a larger one no more than that something went wrong. */
const LARGEST_ANSWER = 6 * 1000 * 1000;

/** The API on Lambda. API Gateway lets in only who signed his request and has the right to it. */
export function apiFunction(environment: Environment) {
  const open = warmOnce(environment);
  return async (event: LambdaEvent) => {
    const warm = await open();
    const { mode, ...ports } = overviewPorts(warm);
    const health = () => ({ ok: true, mode, services: warm.services });
    const answer = await handle(api({ ...ports, mode, health, authenticated: true }))(event);
    warm.flush('api');
    return carried(answer);
  };
}

/** The answer, or in place of one that is too large an advice how to ask for less. */
export function carried<Answer extends object>(answer: Answer): Answer | { statusCode: number; headers: object; body: string } {
  if (Buffer.byteLength(JSON.stringify(answer)) <= LARGEST_ANSWER) return answer;
  const body = JSON.stringify(
    problem('too-much', 'the answer is larger than Lambda carries: ask for fewer at once (limit, service, operation, cause)'),
  );
  return { statusCode: 413, headers: { 'content-type': 'application/json' }, body };
}
