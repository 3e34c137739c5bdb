import { ProjectId } from '../../../events/ids.ts';
import { bulkDelete } from '../../../lib/services/swift/bulk.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { createMemoize } from '../../../lib/task/memoize.ts';
import type { ApiAnswer, ProjectContext } from '../../../lib/task/service.ts';

/** The context of a Swift that answers every call with HTTP 200 and this body. */
function contextOf(json: unknown): ProjectContext {
  const answer: ApiAnswer = { status: 200, headers: new Headers(), json, requestId: 'tx1' };
  const api = {
    service: 'swift',
    region: 'one',
    endpoint: 'http://swift/v1/AUTH_own',
    ownProject: 'own',
    request: async () => answer,
    list: () => Promise.reject(new Error('not here')),
  };
  const project = ProjectId.parse('target');
  return {
    project,
    region: 'one',
    api,
    members: undefined,
    projectApi: undefined,
    apiOf: async () => undefined,
    now: () => 0,
    memoize: createMemoize(),
  };
}
const report = (
  status: string,
  deleted: number,
  notFound: number,
  errors: [string, string][] = [],
  body = '',
) => ({
  'Response Status': status,
  'Response Body': body,
  'Number Deleted': deleted,
  'Number Not Found': notFound,
  Errors: errors,
});
const paths = ['/c/a', '/c/%2Fb', '/c%3F/%C3%BC'];
const outcomes = async (json: unknown): Promise<string[]> =>
  (await bulkDelete(paths, contextOf(json))).map((answer) =>
    answer instanceof PropagatorError ? answer.class : answer.kind,
  );

describe('A bulk delete, which always answers HTTP 200', () => {
  it('has removed all objects if the report has no errors', async () => {
    expect(await outcomes(report('200 OK', 3, 0))).toEqual(['gone', 'gone', 'gone']);
    expect(await outcomes(report('200 OK', 2, 1))).toEqual(['gone', 'gone', 'gone']);
  });
  it('counts as in progress if it found none of its objects', async () => {
    expect(await outcomes(report('200 OK', 0, 3))).toEqual(['accepted', 'accepted', 'accepted']);
  });
  it('fails only for the objects that it names, in every notation of their names', async () => {
    expect(await outcomes(report('400 Bad Request', 2, 0, [['c//b', '409 Conflict']]))).toEqual([
      'gone',
      'Transient',
      'gone',
    ]);
    expect(
      await outcomes(report('400 Bad Request', 2, 0, [['/c//b', '503 Service Unavailable']])),
    ).toEqual(['gone', 'Transient', 'gone']);
    expect(
      await outcomes(report('400 Bad Request', 2, 0, [['/c%3F/%C3%BC', '403 Forbidden']])),
    ).toEqual(['gone', 'gone', 'Denied']);
  });
  it('counts no object as removed if it stopped before the last one', async () => {
    const ended = report(
      '400 Bad Request',
      1,
      0,
      [['/c/a', '409 Conflict']],
      'Max delete failures exceeded',
    );
    expect(await outcomes(ended)).toEqual(['Transient', 'Transient', 'Transient']);
    expect(await outcomes(report('200 OK', 2, 0))).toEqual(['Transient', 'Transient', 'Transient']);
  });
  it('fails as a whole when it could not start', async () => {
    const failed = async (json: unknown) => bulkDelete(paths, contextOf(json));
    await expect(failed(report('401 Unauthorized', 0, 0, []))).rejects.toMatchObject({
      report: { class: 'Denied', requestId: 'tx1' },
    });
    await expect(failed(report('502 Bad Gateway', 0, 0, []))).rejects.toMatchObject({
      report: { class: 'Transient' },
    });
    await expect(failed({ deleted: 3 })).rejects.toMatchObject({ report: { class: 'Transient' } });
    await expect(failed(undefined)).rejects.toMatchObject({ report: { class: 'Transient' } });
  });
});
