import { ProjectId } from '../../../events/ids.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import type { ProvisionContext } from '../../../lib/task/provision.ts';
import { type ProvisionRunInput, provisionService } from '../../../lib/task/provision-run.ts';
import type { ApiAnswer, RequestOptions, Service, ServiceApi } from '../../../lib/task/service.ts';

export const TARGET = ProjectId.parse('target');

/** One call to the service: `POST /v2.0/networks`. */
export interface FakeCall {
  readonly method: string;
  readonly path: string;
  readonly json: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly query?: RequestOptions['query'];
}
/** Returns a body, or a status without one. */
export type Responder = (call: FakeCall) => unknown;

/** An API that answers as `respond` says, and remembers all calls. */
export function fakeApi(service: string, respond: Responder) {
  const calls: FakeCall[] = [];
  const request: ServiceApi['request'] = async (method, path, options = {}) => {
    const { json, query } = options;
    const headers = { ...options.headers };
    const call = { method, path, json, headers, ...(query ? { query } : {}) };
    calls.push(call);
    const body = respond(call);
    const status = typeof body === 'number' ? body : 200;
    if (status >= 400 && !options.accept?.includes(status))
      throw new PropagatorError({
        code: `${service}.http.${status}`,
        class: status === 403 ? 'Denied' : status === 404 ? 'Gone' : 'Transient',
        status,
        message: `${method} ${path}: ${status}`,
        advice: '',
      });
    const answer: ApiAnswer = { status, headers: new Headers(), json: body, requestId: undefined };
    return answer;
  };
  const api: ServiceApi = {
    service,
    region: 'one',
    endpoint: '',
    ownProject: 'cleaner',
    request,
    async list(path, { collection, row, headers }) {
      const { json } = await request('GET', path, headers ? { headers } : {});
      const rows = (json as Record<string, unknown[]>)[collection ?? ''] ?? [];
      return { rows: rows.map((one) => row.parse(one) as never), hasMore: false };
    },
  };
  const writes = () => calls.filter(({ method }) => method !== 'GET' && method !== 'HEAD');
  return { api, calls, writes };
}

/** Runs the service once. The records of a service that cannot show its limits are in `records`. */
export function provisionWith(
  service: Service,
  api: ServiceApi,
  wish: object,
  more: Partial<ProvisionRunInput<ProvisionContext, unknown>> = {},
  records = new Map<string, unknown>(),
) {
  const { provision } = service;
  if (!provision) throw new TypeError(`${service.name} does not provision`);
  return provisionService({
    service: service.name,
    provision,
    section: provision.schema.parse(wish),
    region: 'one',
    compareCommand: 'propagator project drift target',
    now: () => 1,
    contextOf: (shared) => ({
      ...shared,
      region: 'one',
      api,
      project: TARGET,
      projectName: 'Shop 7',
      projectApi: undefined,
      members: undefined,
      now: () => 1,
      apiOf: async () => undefined,
      recorded: async (key) => records.get(key),
      record: async (key, value) => void records.set(key, value),
    }),
    phase: 'apply',
    reconcile: false,
    claims: { claim: async () => 0, release: async () => {}, clear: async () => {} },
    deadline: 2,
    mayContinue: async () => true,
    ...more,
  });
}
