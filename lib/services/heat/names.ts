import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { CommonContext, ServiceApi } from '../../task/service.ts';
import { foldName } from '../kit/fold-name.ts';

/** The context of a run, with the project of the stack. */
export type StackProjectContext = CommonContext & { readonly project: string };

/**
 * A resource type that Heat removes by name with the token of the caller. If a resource outside the
 * stack has the same name, and the token has access to it, Heat would remove that resource.
 */
export interface TypeRemovedByName {
  /** The word for such a resource in messages to the operator. */
  readonly noun: string;
  /** The owner of the resource outside the stack, as in `of the propagator`. */
  readonly ownerPhrase: string;
  readonly advice: string;
  /** The Heat resource types that are removed by name. */
  readonly types: readonly string[];
  /** Returns the names of the resources outside the stack that Heat could remove. */
  foreignNames(context: StackProjectContext): Promise<readonly string[]>;
}

const PROPAGATOR_AS_OWNER = {
  ownerPhrase: 'of the propagator',
  advice:
    'Rename or delete that resource of the propagator, or give the propagator a separate user ' +
    'and project without resources.',
};

/** Returns the API of the first of these services (names or catalog types) that the cloud has. */
async function firstApiInCatalog(
  context: StackProjectContext,
  ...names: readonly string[]
): Promise<ServiceApi | undefined> {
  for (const name of names) {
    const foundApi = await context.apiOf(name);
    if (foundApi) return foundApi;
  }
  return undefined;
}

const keypairRow = z.object({ keypair: z.object({ name: z.string() }) });
const namedRow = z.object({ name: z.string() });
const ownedRow = namedRow.extend({ project_id: z.string().nullish() });

const keypairRemovedByName: TypeRemovedByName = {
  noun: 'keypair',
  ...PROPAGATOR_AS_OWNER,
  types: ['OS::Nova::KeyPair'],
  async foreignNames(context) {
    const nova = await firstApiInCatalog(context, 'nova');
    const listing = await nova?.list('/os-keypairs', {
      collection: 'keypairs',
      row: keypairRow,
      paging: 'marker',
    });
    return listing?.rows.map(({ keypair }) => keypair.name) ?? [];
  },
};

/**
 * Containers. Heat searches a container by its name in the account of the token's project. With a
 * token on the stack's project, Heat therefore finds no container outside that project.
 */
export const containerRemovedByName: TypeRemovedByName = {
  noun: 'Swift container',
  ...PROPAGATOR_AS_OWNER,
  types: ['OS::Swift::Container', 'AWS::S3::Bucket'],
  async foreignNames(context) {
    const swift = context.projectApi ? undefined : await firstApiInCatalog(context, 'swift');
    try {
      return (
        (await swift?.list('', { row: namedRow, paging: 'swift' }))?.rows.map(({ name }) => name) ??
        []
      );
    } catch (error) {
      // Swift creates the account of a project with its first container, and answers 404 before.
      if (error instanceof PropagatorError && error.report.status === 404) return [];
      throw error;
    }
  },
};

const queueRemovedByName: TypeRemovedByName = {
  noun: 'Zaqar queue',
  ...PROPAGATOR_AS_OWNER,
  types: ['OS::Zaqar::Queue'],
  async foreignNames(context) {
    const zaqar = context.projectApi
      ? undefined
      : await firstApiInCatalog(context, 'zaqar', 'messaging');
    // Zaqar requires a client id, and refuses a limit above its configured maximum.
    const headers = { 'client-id': '6b65797a-6171-4172-8761-6e6f6e796d73' };
    const query = { limit: undefined };
    const listing = await zaqar?.list('/v2/queues', {
      collection: 'queues',
      row: namedRow,
      paging: 'marker',
      query,
      headers,
    });
    return listing?.rows.map(({ name }) => name) ?? [];
  },
};

/**
 * Defines a type of Mistral. For an administrator, Mistral searches a name in all projects (seen on
 * Mistral 15). Heat could therefore remove a resource with the same name in any other project. The
 * listing sends no `limit`, because with a limit Mistral's paging fails at rows of other projects.
 */
const mistralTypeRemovedByName = (
  noun: string,
  type: string,
  collection: string,
): TypeRemovedByName => ({
  noun,
  ownerPhrase: 'of another project',
  advice:
    'Delete the stack with the token of a member of its project (Heat then finds ' +
    'only resources of that project), or rename one of the two resources.',
  types: [type],
  async foreignNames(context) {
    const query = { all_projects: true, limit: undefined };
    const mistral = await firstApiInCatalog(context, 'mistral', 'workflowv2', 'workflow');
    const listing = await mistral?.list(`/v2/${collection}`, {
      collection,
      row: ownedRow,
      paging: 'next',
      query,
    });
    return (
      listing?.rows.filter((row) => row.project_id !== context.project).map(({ name }) => name) ??
      []
    );
  },
});

export const TYPES_REMOVED_BY_NAME: readonly TypeRemovedByName[] = [
  keypairRemovedByName,
  containerRemovedByName,
  queueRemovedByName,
  mistralTypeRemovedByName('Mistral workflow', 'OS::Mistral::Workflow', 'workflows'),
  mistralTypeRemovedByName('Mistral cron trigger', 'OS::Mistral::CronTrigger', 'cron_triggers'),
];

/**
 * Returns the names of the resources outside the stack that Heat could remove, in the form that
 * `foldName` returns. Lists these resources once per iteration.
 */
export const foldedForeignNames = (
  context: StackProjectContext,
  typeRemovedByName: TypeRemovedByName,
): Promise<ReadonlySet<string>> =>
  context.memoize(
    `heat.names.${typeRemovedByName.noun}`,
    async () => new Set((await typeRemovedByName.foreignNames(context)).map(foldName)),
  );
