import { type Blocker, defineType, type ProjectContext } from '../../task/service.ts';
import { removeAndVerify } from './removal.ts';
import { asUnsupportedError, listAll, preferredApi, publicBlocker, type Row } from './rows.ts';

/**
 * A code source or a dynamic action. `foreignActionText` names a dynamic action of another project
 * that uses the code source.
 */
type CodeRow = Row & { readonly foreignActionText?: string | undefined };

/** Defines the type of code sources or of dynamic actions, which exist since Wallaby. */
const defineCodeType = (
  name: string,
  collection: string,
  list: (context: ProjectContext) => Promise<CodeRow[]>,
  options: {
    readonly dependsOn?: NonNullable<Parameters<typeof defineType>[0]['dependsOn']>;
    readonly blockers?: readonly string[];
  } = {},
) => {
  const listOrThrowUnsupported = async (context: ProjectContext): Promise<CodeRow[]> => {
    try {
      return await list(context);
    } catch (error) {
      throw asUnsupportedError(error, name, 'Wallaby');
    }
  };
  return defineType({
    name,
    dependsOn: options.dependsOn ?? [],
    blockers: [
      'The propagator keeps a public resource, because other projects may use it.',
      ...(options.blockers ?? []),
    ],
    list: listOrThrowUnsupported,
    id: (row) => row.id,
    owner: (row) => row.project_id ?? undefined,
    label: (row) => row.name ?? undefined,
    blocked: (row) => publicBlocker(row) ?? foreignUseBlocker(row),
    remove: (row, context) =>
      removeAndVerify(row, context, collection, () =>
        context.memoize(`mistral.${collection}.again`, () => listOrThrowUnsupported(context)),
      ),
  });
};

const foreignUseBlocker = ({ foreignActionText }: CodeRow): Blocker | undefined =>
  foreignActionText === undefined
    ? undefined
    : {
        message:
          `${foreignActionText} uses the code source, and Mistral would also delete ` +
          'this action',
        actor: 'other-project',
        advice:
          'Ask the owner of this action to delete it, or to create it again with a code source ' +
          'of the same project.',
      };

export const dynamicAction = defineCodeType('dynamic-action', 'dynamic_actions', (context) =>
  listAll(preferredApi(context), 'dynamic_actions', { project_id: context.project }),
);

/**
 * Code sources. Mistral deletes a code source with all dynamic actions that refer to it, in any
 * project (`ON DELETE CASCADE`, 2026.2). An action of another project can refer to it: for an
 * administrator who creates an action, Mistral searches the name of the code source in all
 * projects.
 */
export const codeSource = defineCodeType(
  'code-source',
  'code_sources',
  async (context) => {
    const api = preferredApi(context);
    const sources = await listAll(api, 'code_sources', { project_id: context.project });
    if (sources.length === 0) return sources;
    const actions = await listAll(api, 'dynamic_actions', { all_projects: true });
    return sources.map((source) => {
      const foreignAction = actions.find(
        (one) => one.code_source_id === source.id && one.project_id !== context.project,
      );
      if (!foreignAction) return source;
      const owner = foreignAction.project_id ?? 'unknown';
      return {
        ...source,
        foreignActionText: `dynamic action ${foreignAction.id} of project ${owner}`,
      };
    });
  },
  {
    dependsOn: [{ types: ['dynamic-action'], strength: 'preferred', until: 'done' }],
    blockers: [
      'The propagator keeps a code source that a dynamic action of another project uses, because ' +
        'Mistral would also delete the action.',
    ],
  },
);
