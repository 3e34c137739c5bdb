import { PropagatorError } from '../shared/errors.ts';
import type { CommonContext, RequestOptions, ServiceApi } from './context.ts';

/** Matches the names of actions and paths that delete a resource or overwrite a disk. */
const DELETING_ACTION = new RegExp(
  'delete|destroy|purge|remove|rebuild|shelveoffload|resetstate|reset_status|force|evacuate|' +
    'revert|confirmresize',
  'i',
);

/**
 * Returns an API client for suspend, resume and provision, which must not destroy data (safety rule
 * "Record the state before the first change"). The client refuses the method DELETE, each body or
 * path that names a deleting action, and each method of Swift that can replace an object.
 */
export function apiWithoutDeletion(api: ServiceApi): ServiceApi {
  return {
    ...api,
    request: async (method, path, options = {}) => {
      const because = refusalReason(api.service, method, path, options);
      if (because) throw refusedError(api, `${method} ${path}`, because);
      return api.request(method, path, options);
    },
    list: (path, options) => api.list(path, options),
    ...(api.withWatch
      ? { withWatch: (watch) => apiWithoutDeletion(api.withWatch?.(watch) ?? api) }
      : {}),
  };
}

/** Returns the context of a run with API clients that refuse every deletion. */
export const contextWithoutDeletion = <Context extends CommonContext>(
  context: Context,
): Context => ({
  ...context,
  api: apiWithoutDeletion(context.api),
  projectApi: context.projectApi && apiWithoutDeletion(context.projectApi),
  apiOf: async (name: string) => {
    const api = await context.apiOf(name);
    return api && apiWithoutDeletion(api);
  },
  ...(context.apiWithProjectToken
    ? {
        apiWithProjectToken: async () => {
          const api = await context.apiWithProjectToken?.();
          return api && apiWithoutDeletion(api);
        },
      }
    : {}),
});

function refusalReason(
  service: string,
  method: string,
  path: string,
  options: RequestOptions,
): string | undefined {
  if (method === 'GET' || method === 'HEAD') return undefined;
  if (method === 'DELETE') return 'the method is DELETE';
  if (service === 'swift' && method !== 'POST') return `${method} can replace an object`;
  const deleting = actionNames(path, options).find((name) => DELETING_ACTION.test(name));
  return deleting === undefined ? undefined : `${deleting} deletes something`;
}

/**
 * Returns the names in a call that can name an action: the keys of the body of `…/action` or
 * `…/actions`, the parameters of the query, and the last part of the path `…/actions/NAME`.
 */
function actionNames(path: string, { json, query }: RequestOptions): string[] {
  const [lastPart = '', partBefore] = path.split('/').toReversed();
  const hasActionBody = lastPart === 'action' || lastPart === 'actions';
  return [
    ...(hasActionBody && typeof json === 'object' ? Object.keys(json ?? {}) : []),
    ...Object.keys(query ?? {}),
    ...(partBefore === 'actions' ? [lastPart] : []),
  ];
}

const refusedError = (api: ServiceApi, call: string, because: string): PropagatorError =>
  new PropagatorError({
    code: 'safety-rules.run-deletes',
    class: 'Denied',
    service: api.service,
    region: api.region,
    message: `A run that must not delete requested ${call}: ${because}. The call was not sent.`,
    advice: 'Report this as a defect of the service file.',
  });
