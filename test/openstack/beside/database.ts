import { type Row, rowsOf, text } from '../cloud.ts';
import { type SeedProject, stableRow } from './projects.ts';
import type { OptionalService } from './services.ts';

const NAMES = ['one', 'two'];

/** Resources that a member of the project sees and an administrator does not: modules, settings. */
const seen = async ({ member }: SeedProject, collection: string): Promise<Row[]> => {
  const { json } = await member.call('database', 'GET', `/${collection}`);
  return rowsOf(json, collection).filter((row) => row.tenant !== 'all');
};

/** Trove without instances, which need an image with an agent in it. */
export const database: OptionalService = {
  key: 'database',
  async fill({ member, undo }) {
    const { json } = await member.call('database', 'GET', '/datastores');
    const [store] = rowsOf(json, 'datastores');
    const [version] = rowsOf(store, 'versions');
    const datastore = { type: text(store, 'name'), version: text(version, 'name') };
    const add = async (collection: string, key: string, body: object): Promise<void> => {
      const answer = await member.call('database', 'POST', `/${collection}`, {
        json: { [key]: body },
      });
      const id = text(answer.json, key, 'id');
      undo.push(() =>
        member.call('database', 'DELETE', `/${collection}/${id}`, { accept: [401, 404] }),
      );
    };
    for (const name of NAMES) {
      await add('modules', 'module', { name, module_type: 'ping', contents: 'cGluZw==' });
      await add('configurations', 'configuration', { name, values: {}, datastore });
    }
  },
  async holdings(seedProject, alive) {
    if (!alive) return {};
    const [modules, configurations] = await Promise.all(
      ['modules', 'configurations'].map((collection) => seen(seedProject, collection)),
    );
    return {
      modules: (modules ?? []).map(stableRow),
      configurations: (configurations ?? []).map(stableRow),
    };
  },
};
