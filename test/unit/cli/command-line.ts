import { api } from '../../../lib/api/api.ts';
import { callerOf } from '../../../lib/cli/aws-signature.ts';
import { ApiClient } from '../../../lib/cli/client.ts';
import { runCommand } from '../../../lib/cli/command-line.ts';
import { apiAccess, tokenOf } from '../../api-tokens.ts';
import { CONTROL, Simulation } from '../../property/simulation.ts';
import { registryWith } from '../../registries.ts';
import { plain } from './samples.ts';

/** A propagator in memory, and a command line that calls its API. */
export function commandLine() {
  const { deps, engine } = new Simulation({
    resources: [0, 0, 0],
    lingers: 0,
    failures: 0,
    failWith: 'Transient',
  });
  const known = registryWith(['first', 'middle', 'last']);
  const rating = registryWith(['rating']).registrations.map((one) => ({
    ...one,
    name: 'cloudkitty',
  }));
  const registry = async () => ({
    ...known,
    registrations: [...known.registrations, ...rating],
  });
  // One enabled project of Keystone, in which users may work.
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
  const app = api({ ...deps, ...apiAccess, cloud, health: () => ({ ok: true }) });
  const base = 'http://127.0.0.1:8787';
  const environment = { PROPAGATOR_API_TOKEN: tokenOf('ann') };
  const send = async (url: string, init: RequestInit) => app.request(url, init);
  const client = new ApiClient(base, callerOf(base, environment, undefined, send));
  const type = async (line: string) => {
    const written: string[] = [];
    const complained: string[] = [];
    const code = await runCommand(
      line.match(/"[^"]*"|\S+/g)?.map((word) => word.replaceAll('"', '')) ?? [],
      {
        client,
        version: '1.2.3',
        color: plain,
        now: () => engine.time,
        write: (text) => void written.push(text),
        complain: (text) => void complained.push(text),
        sleep: async (millis: number) => {
          engine.time += millis;
        },
        exitCode: 0,
      },
    );
    return { code, out: written.join(''), err: complained.join('') };
  };
  return { engine, type };
}
