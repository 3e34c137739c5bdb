import { createService, type Documented } from '../documented.ts';
import { Routes } from '../http.ts';
import { uuid } from '../resource-store.ts';
import type { Project } from '../rows.ts';
import type { CloudState } from '../state.ts';
import { recordRoutes } from './designate-records.ts';
import {
  addRecordset,
  addZone,
  openTables,
  SHARING_PROJECT,
  setPtr,
  type Tables,
  topOf,
} from './designate-shape.ts';
import { taskRoutes } from './designate-tasks.ts';
import { zoneRoutes } from './designate-zones.ts';

const inside = new WeakMap<CloudState, Tables>();

/** Returns the tables of a cloud that was started with this service, so that tests can add rows. */
export function designateIn(state: CloudState): Tables {
  const sources = inside.get(state);
  if (!sources) throw new TypeError('this cloud has no Designate');
  return sources;
}

/**
 * Designate as of version 15 (Zed), as in the lab, or as of 16 (2023.1) and later, where zones can
 * be shared.
 */
const designateOf = (shares: boolean): Documented => ({
  name: 'designate',
  endpoint: { type: 'dns', path: '' },
  open(state) {
    const sources = openTables(state, shares);
    inside.set(state, sources);
    const routes = new Routes();
    zoneRoutes(routes, sources);
    recordRoutes(routes, sources);
    taskRoutes(routes, sources);
    return {
      ...createService(state, {
        name: 'designate',
        routes,
        open: {
          '/': () => ({
            status: 200,
            json: { versions: { values: [{ id: 'v2', status: 'CURRENT' }] } },
          }),
        },
        refuse: ({ status, message, type, headers }, call) =>
          // A refusal of its middleware has no body.
          status === 403
            ? { status, headers }
            : {
                status,
                headers,
                json: { code: status, type, message, request_id: call.requestId },
              },
      }),
      seed: (project) => seed(sources, project),
    };
  },
});
export const designate = designateOf(false);
export const designateWithShares = designateOf(true);

function seed(sources: Tables, project: Project): void {
  const { zones, sharing, transferRequests, imports, exports, quotas, state } = sources;
  const top = topOf(project);
  const zone = addZone(sources, project.id, top);
  addRecordset(sources, zone, project.id, `www.${top}`);
  addRecordset(sources, zone, project.id, `server.${top}`, { managed: true });
  for (const name of [`child.${top}`, `deep.child.${top}`])
    addRecordset(sources, addZone(sources, project.id, name), project.id, `www.${name}`);
  addZone(sources, project.id, `broken.${top}`).status = 'ERROR';
  const offered = { zone_id: zone.id, zone_name: top };
  transferRequests.add({ id: uuid(), project_id: project.id, target_project_id: null, ...offered });
  imports.add({ id: uuid(), project_id: project.id, zone_id: zone.id });
  exports.add({ id: uuid(), project_id: project.id, zone_id: zone.id });
  quotas.add({ id: project.id, values: { zones: 77 } });
  const [address] = state.network.floatingips.where((row) => row.project_id === project.id);
  if (address) setPtr(sources, address.id, `www.${top}`);
  if (!sources.shares) return;
  sharing.add({
    id: uuid(),
    zone_id: zone.id,
    project_id: project.id,
    target_project_id: SHARING_PROJECT,
  });
  const lent =
    zones.where(({ name }) => name === 'lent.example.')[0] ??
    addZone(sources, SHARING_PROJECT, 'lent.example.');
  sharing.add({
    id: uuid(),
    zone_id: lent.id,
    project_id: SHARING_PROJECT,
    target_project_id: project.id,
  });
  addRecordset(sources, lent, project.id, `${project.id.slice(0, 6)}.lent.example.`);
}
