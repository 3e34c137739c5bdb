import { ProjectId } from '../../events/ids.ts';
import { freshOnce } from '../../lib/cleanup/pass.ts';
import type { Reach } from '../../lib/cleanup/service.ts';

const VICTIM = ProjectId.parse('victim');
const unused = () => Promise.reject(new Error('not here'));

/** What a service file may reach in a test that keeps its things in memory: no API, and a clock that stands. */
export const reachOf = (project = VICTIM, ownProject = 'cleaner'): Reach => ({
  project,
  region: 'one',
  api: { service: 'shelf', region: 'one', endpoint: '', ownProject, request: unused, list: unused },
  members: undefined,
  onProject: undefined,
  other: async () => undefined,
  now: () => 1000,
  once: freshOnce(),
});
