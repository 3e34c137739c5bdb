import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { CommonContext, ServiceApi } from '../../task/service.ts';

/** Who asks: the project whose stack is to go, and whether the token for it is on that project. */
export type Asking = CommonContext & { readonly project: string };

/**
 * Something that Heat removes by its name, with the token of whoever deletes the stack: whoever has
 * one of that name loses it.
 */
export interface ByName {
  /** In the service's words, for the operator. */
  readonly what: string;
  /** Whose it is that would be hit. */
  readonly whose: string;
  readonly advice: string;
  /** Types of resources that are removed so. */
  readonly types: readonly string[];
  /** Names of those that are not the stack's and would be hit. */
  others(asking: Asking): Promise<readonly string[]>;
}

const OWN = {
  whose: 'of the cleaner itself',
  advice:
    'Rename or remove it, or give the cleaner a user and a project of its own that hold nothing.',
};

/** The first of several names by which the catalog may have a service. */
async function api(asking: Asking, ...names: readonly string[]): Promise<ServiceApi | undefined> {
  for (const name of names) {
    const found = await asking.apiOf(name);
    if (found) return found;
  }
  return undefined;
}

const keypairRow = z.object({ keypair: z.object({ name: z.string() }) });
const namedRow = z.object({ name: z.string() });
const ownedRow = namedRow.extend({ project_id: z.string().nullish() });

const keypairs: ByName = {
  what: 'keypair',
  ...OWN,
  types: ['OS::Nova::KeyPair'],
  async others(asking) {
    const nova = await api(asking, 'nova');
    const listed = await nova?.list('/os-keypairs', {
      collection: 'keypairs',
      row: keypairRow,
      paging: 'marker',
    });
    return listed?.rows.map(({ keypair }) => keypair.name) ?? [];
  },
};

/**
 * In the account of the token's project: with a token on the stack's own project it is the stack's
 * container.
 */
export const containers: ByName = {
  what: 'Swift container',
  ...OWN,
  types: ['OS::Swift::Container', 'AWS::S3::Bucket'],
  async others(asking) {
    const swift = asking.projectApi ? undefined : await api(asking, 'swift');
    try {
      return (
        (await swift?.list('', { row: namedRow, paging: 'swift' }))?.rows.map(({ name }) => name) ??
        []
      );
    } catch (error) {
      // Accounts are made with their first container.
      if (error instanceof PropagatorError && error.report.status === 404) return [];
      throw error;
    }
  },
};

const queues: ByName = {
  what: 'Zaqar queue',
  ...OWN,
  types: ['OS::Zaqar::Queue'],
  async others(asking) {
    const zaqar = asking.projectApi ? undefined : await api(asking, 'zaqar', 'messaging');
    // Zaqar wants the id of a client, whichever, and refuses to be asked for more rows than it is
    // set to give.
    const headers = { 'client-id': '6b65797a-6171-4172-8761-6e6f6e796d73' };
    const query = { limit: undefined };
    const listed = await zaqar?.list('/v2/queues', {
      collection: 'queues',
      row: namedRow,
      paging: 'marker',
      query,
      headers,
    });
    return listed?.rows.map(({ name }) => name) ?? [];
  },
};

/**
 * To an administrator Mistral finds a name in whichever project has it, on whatever project his
 * token is (seen on 15): the neighbors' count, too. Without `limit` it answers with everything;
 * with one it finds no page that begins after another project's row.
 */
const mistral = (what: string, type: string, collection: string): ByName => ({
  what,
  whose: 'of another project',
  advice:
    'Delete the stack with the token of a member of its project, who reaches the own ones only; or rename one of the two.',
  types: [type],
  async others(asking) {
    const query = { all_projects: true, limit: undefined };
    const found = await api(asking, 'mistral', 'workflowv2', 'workflow');
    const listed = await found?.list(`/v2/${collection}`, {
      collection,
      row: ownedRow,
      paging: 'next',
      query,
    });
    return (
      listed?.rows.filter((row) => row.project_id !== asking.project).map(({ name }) => name) ?? []
    );
  },
});

export const BY_NAME: readonly ByName[] = [
  keypairs,
  containers,
  queues,
  mistral('Mistral workflow', 'OS::Mistral::Workflow', 'workflows'),
  mistral('Mistral cron trigger', 'OS::Mistral::CronTrigger', 'cron_triggers'),
];

/**
 * Asked once a round, and only where a stack has such a resource. Names as the databases compare
 * them, which is more than to the letter.
 */
export const othersNames = (asking: Asking, by: ByName): Promise<ReadonlySet<string>> =>
  asking.memoize(
    `heat.names.${by.what}`,
    async () => new Set((await by.others(asking)).map(folded)),
  );

/**
 * MySQL's usual collations ignore case, accents and spaces at the end: `KEY` removes `key` (seen on
 * Nova 26).
 */
export const folded = (name: string): string =>
  name.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().trimEnd();
