/** The names from which the files of a new service are written. */
export interface NewService {
  /** The name of its files, its queue and its task: `key-store`. */
  readonly name: string;
  /** The official catalog type first, then its aliases. */
  readonly catalogTypes: readonly string[];
  /** The name of its first resource type: `webhook`. */
  readonly resourceType: string;
}

/** Returns the name of the constant for a service or type: `keyStore` for `key-store`. */
export const constantOf = (name: string): string =>
  name.replace(/-([a-z0-9])/g, (_, character: string) => character.toUpperCase());

const typeNameOf = (name: string): string => {
  const constant = constantOf(name);
  return constant.charAt(0).toUpperCase() + constant.slice(1);
};

/**
 * Returns the texts of the files of a new service, by path. The service works, and passes the
 * contract test with its own fake API.
 */
export function filesOf(service: NewService): Readonly<Record<string, string>> {
  const { name } = service;
  return {
    [`lib/services/${name}.ts`]: serviceFile(service),
    [`test/cloud/documented/${name}.ts`]: fake(service),
    [`test/unit/services/${name}.test.ts`]: contractTest(service),
  };
}

function serviceFile({ name, catalogTypes, resourceType }: NewService): string {
  const row = `${constantOf(resourceType)}Row`;
  return `import * as z from 'zod';
import { defineService, defineType, type Removal } from '../task/service.ts';

// TODO: only the fields that the code reads. The owner may be missing: the safety rules handle such
// a row.
const ${row} = z.object({ id: z.string(), name: z.string().nullish(), project_id: z.string().nullish() });

/** TODO: what the resource is, and what the service deletes with it. */
const ${constantOf(resourceType)} = defineType({
  name: '${resourceType}',
  // TODO: what blocks or delays the removal, one short sentence each.
  blockers: [],
  async list({ api, project }) {
    // TODO: the path, the filter, and the paging of this API. If the API has no filter, keep the
    // rows of the project and the rows without an owner.
    const query = { all_projects: true, project_id: project };
    return (await api.list('/v1/${resourceType}s', { collection: '${resourceType}s', row: ${row}, paging: 'marker', query })).rows;
  },
  id: (row) => row.id,
  // From the row, never from the request: the safety rules compare it with the project.
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  async remove(row, { api }): Promise<Removal> {
    await api.request('DELETE', \`/v1/${resourceType}s/\${encodeURIComponent(row.id)}\`);
    // TODO: { kind: 'gone' } if the API is synchronous.
    return { kind: 'accepted' };
  },
});

/** TODO: which API, which version, and the reason for its place in the order. */
export const ${constantOf(name)} = defineService({
  name: '${name}',
  catalogTypes: [${catalogTypes.map((type) => `'${type}'`).join(', ')}],
  // TODO: dependsOn (services that run first), dependents (services that run later).
  releases: [],
  resourceTypes: [${constantOf(resourceType)}],
});
`;
}

function fake({ name, catalogTypes, resourceType }: NewService): string {
  const Row = typeNameOf(resourceType);
  const table = `${constantOf(resourceType)}Table`;
  return `import { createService, type Documented, finishLater, maySee, Routes } from '../documented.ts';
import { param, Refusal } from '../http.ts';
import { page } from '../paging.ts';
import type { Project } from '../rows.ts';
import { type Row, uuid } from '../resource-store.ts';

interface ${Row} extends Row {
  readonly name: string;
  readonly project_id: string;
  status: 'available' | 'deleting';
}

/**
 * TODO: the release that this fake copies. It answers like the real API, including its oddities.
 */
export const ${constantOf(name)}: Documented = {
  name: '${name}',
  endpoint: { type: '${catalogTypes[0]}', path: '' },
  open(state) {
    // The name of the resource type in the service file.
    const ${table} = state.store.table<${Row}>('${name}.${resourceType}', { owner: (row) => row.project_id, label: (row) => row.name });
    const missing = (id: string) => new Refusal(404, \`${Row} \${id} could not be found.\`);
    const routes = new Routes()
      .on('GET', '/v1/${resourceType}s', (call) => {
        // A test may drop the filter. The API then returns the rows of all projects.
        const filter = call.query.get('project_id');
        const visible = ${table}.where((row) => maySee(call.token, row.project_id) && (filter === null || row.project_id === filter));
        const { rows, links } = page(call, visible, (row) => row.id, { max: 1000, href: \`\${call.base}/v1/${resourceType}s\`, missing });
        return { status: 200, json: { '${resourceType}s': rows, ...(links && { '${resourceType}s_links': links }) } };
      })
      .on('DELETE', '/v1/${resourceType}s/:id', (call) => {
        const row = ${table}.get(param(call, 'id'));
        if (!row || !maySee(call.token, row.project_id)) throw missing(param(call, 'id'));
        row.status = 'deleting';
        finishLater(state, call, state.options.durations.documented, () => ${table}.delete(row.id));
        return { status: 202 };
      });
    return {
      ...createService(state, { name: '${name}', routes }),
      // At least one resource of every type, with the same names in all projects.
      seed(project: Project) {
        for (const title of ['first', 'second'])
          ${table}.add({ id: uuid(), name: title, project_id: project.id, status: 'available' });
      },
    };
  },
};
`;
}

function contractTest({ name }: NewService): string {
  return `import { ${constantOf(name)} } from '../../../lib/services/${name}.ts';
import { ${constantOf(name)} as fake } from '../../cloud/documented/${name}.ts';
import { testServiceContract } from './service-contract.ts';

testServiceContract(${constantOf(name)}, { with: [fake] });

// TODO: one test for each special behavior of this API. Compare what is left of the target project
// and of the control project.
`;
}

/**
 * Returns the text of \`lib/services/index.ts\` with the service added. \`biome check --write\`
 * then sorts the imports.
 */
export function withService(index: string, name: string): string {
  const constant = constantOf(name);
  const importLine = `import { ${constant} } from './${name}.ts';\n`;
  const extended = index.replace(
    /(export const SERVICES[^=]*= \[)([^\]]*?),?\s*\];/,
    (_, declaration: string, names: string) => `${declaration}${names}, ${constant}];`,
  );
  if (extended === index)
    throw new TypeError('lib/services/index.ts has no list SERVICES to extend');
  return extended.replace(/^(?=import \{ assertValidDependencies)/m, importLine);
}
