import type { RequestOptions, ServiceApi } from '../../../lib/task/context.ts';
import { apiWithoutDeletion } from '../../../lib/task/without-deletion.ts';

/** Sends one call through the restricted client. Returns the calls that reached the service. */
async function callsAfter(
  service: string,
  method: string,
  path: string,
  options?: RequestOptions,
): Promise<string[]> {
  const calls: string[] = [];
  const api = {
    service,
    region: 'one',
    request: async (sentMethod: string, sentPath: string) => {
      calls.push(`${sentMethod} ${sentPath}`);
      return {};
    },
  } as unknown as ServiceApi;
  const sent = apiWithoutDeletion(api).request(method as 'GET', path, options);
  await sent.catch((error: { report?: { code?: string } }) => {
    expect(error.report?.code).toBe('safety-rules.run-deletes');
  });
  return calls;
}

describe('the API client of a run that must not delete', () => {
  it.each([
    ['nova', 'GET', '/servers/delete', undefined],
    ['nova', 'HEAD', '/servers/delete', undefined],
    ['nova', 'POST', '/servers/s1/action', { json: { 'os-stop': null } }],
    ['nova', 'PUT', '/servers/s1', { json: { delete: true } }],
    ['nova', 'POST', '/delete/s1', undefined],
    ['nova', 'POST', '/servers/s1/action', { json: 'delete' }],
    ['nova', 'POST', '/servers/s1/action', undefined],
    ['nova', 'POST', '/servers/s1/action', { json: null }],
    ['magnum', 'POST', '/clusters/c1/actions/pause', undefined],
    ['swift', 'POST', '/AUTH_p1/container', undefined],
  ])('sends %s %s %s with %j', async (service, method, path, options) => {
    expect(await callsAfter(service, method, path, options)).toEqual([`${method} ${path}`]);
  });

  it.each([
    ['nova', 'DELETE', '/servers/s1', undefined],
    ['nova', 'POST', '/servers/s1/action', { json: { forceDelete: null } }],
    ['nova', 'POST', '/servers/s1/action', { json: { 'os-stop': null, rebuild: {} } }],
    ['senlin', 'POST', '/clusters/c1/actions', { json: { evacuate: {} } }],
    ['magnum', 'POST', '/clusters/c1/actions/purge', undefined],
    ['swift', 'PUT', '/AUTH_p1/container', undefined],
    ['swift', 'COPY', '/AUTH_p1/container/object', undefined],
    ['swift', 'POST', '/AUTH_p1', { query: { 'bulk-delete': '1' } }],
  ])('refuses %s %s %s with %j', async (service, method, path, options) => {
    expect(await callsAfter(service, method, path, options)).toEqual([]);
  });
});
