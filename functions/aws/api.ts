import { handle, type LambdaEvent } from 'hono/aws-lambda';
import { type Environment, warmOnce } from '../../lib/engine/aws/function/warm.ts';
import { api } from '../api.ts';
import { overviewPorts } from './ports.ts';

/** The API on Lambda. API Gateway lets in only who signed his request and has the right to it. */
export function apiFunction(environment: Environment) {
  const open = warmOnce(environment);
  return async (event: LambdaEvent) => {
    const warm = await open();
    const { mode, ...ports } = overviewPorts(warm);
    const health = () => ({ ok: true, mode, services: warm.services });
    const answer = await handle(api({ ...ports, mode, health, authenticated: true }))(event);
    warm.flush('api');
    return answer;
  };
}
