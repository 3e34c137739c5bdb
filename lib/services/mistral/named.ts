import { type Blocker, defineType, type Removal } from '../../task/service.ts';
import { foldName } from '../kit/fold-name.ts';
import { listWorkbooks } from './definitions.ts';
import { listAll, publicBlocker, type Row, requiresLiveProject, rowsOfProject } from './rows.ts';

/** A resource that Mistral removes by name. */
interface NamedRow extends Row {
  /** True if another project has a public resource with the same name. */
  readonly hasNameConflict: boolean;
}

const haveSameName = (a: Row, b: Row): boolean =>
  foldName(a.name ?? '') === foldName(b.name ?? '') &&
  foldName(a.namespace ?? '') === foldName(b.namespace ?? '');

/**
 * Returns the rows of the project, and marks each row that has the same name as a public resource
 * of another project. Mistral would remove both resources (seen on Mistral 15.0, unchanged in
 * 2026.2).
 */
function withNameConflicts(rows: readonly Row[], project: string): NamedRow[] {
  const foreignRows = rows.filter((one) => one.project_id !== project && one.scope !== 'private');
  return rowsOfProject(rows, project).map((one) => ({
    ...one,
    hasNameConflict: foreignRows.some((other) => other.id !== one.id && haveSameName(one, other)),
  }));
}

const namedRowBlocker = (row: NamedRow): Blocker | undefined =>
  publicBlocker(row) ??
  (row.hasNameConflict
    ? {
        message:
          'another project has a public resource with the same name, and Mistral would ' +
          'delete both',
        actor: 'operator',
        advice:
          'Temporarily make the public resource private (scope=private). The next run ' +
          'then deletes the resource of this project.',
      }
    : undefined);

/**
 * True if a path with the name addresses this resource. Mistral's routes accept no slash in a name.
 * A path that ends with an empty name, `.` or `..` addresses the collection or its parent.
 */
const isAddressable = (row: Row): boolean =>
  row.name !== undefined && row.name !== null && !/\/|^\.{0,2}$/.test(row.name);

const unaddressableRemoval = (table: string): Removal => ({
  kind: 'retained',
  message:
    'the Mistral API cannot address the resource, because its name contains a slash, is empty, ' +
    'or is "." or ".."',
  advice:
    `Delete the row of the resource from the table ${table} in the Mistral database. The ` +
    'resource runs nothing.',
});

const CONFLICT_TEXT =
  'The propagator keeps the resource while another project has a public resource with the same ' +
  'name, because Mistral would delete both.';

/** Environments, which contain variables of workflows. */
export const environment = defineType({
  name: 'environment',
  requiresLiveProject,
  blockers: [
    'The propagator keeps a public environment, because other projects may use it.',
    CONFLICT_TEXT,
  ],
  list: async ({ api, project }) => withNameConflicts(await listAll(api, 'environments'), project),
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: namedRowBlocker,
  async remove(row, { api }): Promise<Removal> {
    if (!isAddressable(row)) return unaddressableRemoval('environments_v2');
    await api.request('DELETE', `/v2/environments/${encodeURIComponent(row.name ?? '')}`);
    return { kind: 'gone' };
  },
});

/**
 * Workbooks. Their workflows and actions are separate resources. Workbooks are removed after the
 * actions, because the listing of actions needs the namespaces of workbooks.
 */
export const workbook = defineType({
  name: 'workbook',
  requiresLiveProject,
  dependsOn: [{ types: ['action'], strength: 'required', until: 'empty' }],
  blockers: [
    'The propagator keeps a public workbook, because other projects may use it.',
    CONFLICT_TEXT,
  ],
  list: async (context) => withNameConflicts(await listWorkbooks(context), context.project),
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: namedRowBlocker,
  async remove(row, { api }): Promise<Removal> {
    if (!isAddressable(row)) return unaddressableRemoval('workbooks_v2');
    const query = { namespace: row.namespace || undefined };
    await api.request('DELETE', `/v2/workbooks/${encodeURIComponent(row.name ?? '')}`, { query });
    return { kind: 'gone' };
  },
});
