import { ProjectId } from '../../../events/ids.ts';
import type { ProjectContext, ServiceApi } from '../../../lib/task/service.ts';

/** Returns the context of a run on a deleted project, in a region without other services. */
export const projectContext = (
  api: ServiceApi,
  project: string,
  more: Partial<ProjectContext> = {},
): ProjectContext => ({
  region: 'one',
  api,
  projectApi: undefined,
  apiOf: async () => undefined,
  now: () => 0,
  memoize: (_key, ask) => ask(),
  project: ProjectId.parse(project),
  members: undefined,
  ...more,
});
