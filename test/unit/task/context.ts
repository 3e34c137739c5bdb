import { ProjectId } from '../../../events/ids.ts';
import { createMemoize } from '../../../lib/task/memoize.ts';
import type { ProjectContext } from '../../../lib/task/service.ts';

const TARGET = ProjectId.parse('target');
const unused = () => Promise.reject(new Error('not here'));

/**
 * The context of a run in a test that keeps its resources in memory. It has no API, and its clock
 * does not advance.
 */
export const contextOf = (project = TARGET, ownProject = 'cleaner'): ProjectContext => ({
  project,
  region: 'one',
  api: {
    service: 'storage',
    region: 'one',
    endpoint: '',
    ownProject,
    request: unused,
    list: unused,
  },
  members: undefined,
  projectApi: undefined,
  apiOf: async () => undefined,
  now: () => 1000,
  memoize: createMemoize(),
});
