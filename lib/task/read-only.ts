import { PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from './service.ts';

const READ_METHODS: readonly string[] = ['GET', 'HEAD'];

/**
 * True for a search of Gnocchi, which is a POST that only reads (`/v1/search/resource/generic`).
 */
const isSearch = (method: string, path: string): boolean =>
  method === 'POST' && /^\/v\d+\/search\//.test(path);

/**
 * Returns an API that refuses every call that may change something, with class `Denied`. A plan
 * uses it, so that a defect in a service file cannot change the cloud.
 */
export function readOnlyApi(api: ServiceApi): ServiceApi {
  const { withWatch } = api;
  return {
    ...api,
    async request(method, path, options) {
      if (READ_METHODS.includes(method) || isSearch(method, path))
        return api.request(method, path, options);
      throw new PropagatorError({
        code: 'safety-rules.plan-changes',
        class: 'Denied',
        service: api.service,
        region: api.region,
        message:
          `A plan requested ${method} ${path}, which may change something. ` +
          'The call was not sent.',
        advice: 'Report this as a defect of the service file.',
      });
    },
    ...(withWatch ? { withWatch: (watch) => readOnlyApi(withWatch(watch)) } : {}),
  };
}
