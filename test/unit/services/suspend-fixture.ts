import type { RequestOptions, ServiceApi } from '../../../lib/task/context.ts';
import { apiWithoutDeletion } from '../../../lib/task/without-deletion.ts';
import { projectContext } from './project-context.ts';

export type Call = readonly [string, string, unknown];

/** An API that answers from tables, and records every call that is not a read. */
export function fixture(
  service: string,
  lists: Readonly<Record<string, readonly object[]>>,
  heads: Readonly<Record<string, { status: number; headers: Record<string, string> }>> = {},
  /** Returns the body of the answer to a write. */
  onWrite?: (body: unknown) => unknown,
) {
  const calls: Call[] = [];
  const api: ServiceApi = {
    service,
    region: 'one',
    endpoint: 'https://cloud/v1/AUTH_cleaner',
    ownProject: 'cleaner',
    async request(method, path, options: RequestOptions = {}) {
      const head = heads[path] ?? { status: 204, headers: {} };
      if (method !== 'GET' && method !== 'HEAD')
        calls.push([method, path, options.json ?? options.headers]);
      const id = path.split('/').at(-1);
      const alarm = (lists['/v2/alarms'] ?? []).find(
        (row) => 'alarm_id' in row && row.alarm_id === id,
      );
      const json = path === '/os-services' ? { services: [] } : alarm;
      const headers = new Headers(head.headers);
      if (method === 'PUT' && onWrite)
        return { status: 200, headers, json: onWrite(options.json), requestId: undefined };
      return { status: head.status, headers, json, requestId: undefined };
    },
    async list(path, { row }) {
      return { rows: (lists[path] ?? []).map((one) => row.parse(one)), hasMore: false } as never;
    },
  };
  return { calls, context: projectContext(apiWithoutDeletion(api), 'p1') };
}

export const server = (vm: string, more: object = {}) => ({
  id: 's1',
  tenant_id: 'p1',
  'OS-EXT-STS:vm_state': vm,
  'OS-EXT-STS:task_state': null,
  locked: false,
  locked_reason: null,
  ...more,
});

export const compute = (row: object) => fixture('nova', { '/servers/detail': [row] });
