import { createApi } from '../../../lib/api/api.ts';
import { apiAccess } from '../../api-tokens.ts';
import { CONTROL, Simulation } from '../../property/simulation.ts';
import { registryWith } from '../../registries.ts';
import { clientOfAnn, typeLine } from './type-line.ts';

/** A propagator in memory, and a command line that calls its API. */
export function commandLine() {
  const { deps, engine } = new Simulation({
    resources: [0, 0, 0],
    lingers: 0,
    failures: 0,
    failWith: 'Transient',
  });
  const coveredRegistry = registryWith(['first', 'middle', 'last']);
  const ratingRegistrations = registryWith(['rating']).registrations.map((one) => ({
    ...one,
    name: 'cloudkitty',
  }));
  const registry = async () => ({
    ...coveredRegistry,
    registrations: [...coveredRegistry.registrations, ...ratingRegistrations],
  });
  // Keystone shows one project, which is enabled.
  const keystone: typeof deps.cloud.keystone = {
    ...deps.cloud.keystone,
    show: async (_type, id) =>
      id === CONTROL
        ? {
            kind: 'present',
            account: { type: 'project', id: CONTROL, name: 'shop', enabled: true },
          }
        : { kind: 'absent' },
  };
  const cloud = { ...deps.cloud, registry, keystone };
  const app = createApi({ ...deps, ...apiAccess, cloud, health: () => ({ ok: true }) });
  const client = clientOfAnn(async (url, init) => app.request(url, init));
  const sleep = async (millis: number) => {
    engine.time += millis;
  };
  const type = (line: string) => typeLine(line, { client, now: () => engine.time, sleep });
  return { engine, type };
}
