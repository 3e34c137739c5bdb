import * as z from 'zod';
import type { AccountRecord } from '../account/inventory.ts';
import { enteredText } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { ListLimit } from './limit.ts';

export const ProjectQuery = z.strictObject({
  name: enteredText(255).optional(),
  domain: enteredText(255).optional(),
  limit: ListLimit,
});

/** The projects of the inventory that are not deleted. `domain`: the id or the name of a domain. */
export async function inventoryProjects(
  { name, domain, limit }: z.infer<typeof ProjectQuery>,
  { engine }: ApiDeps,
) {
  const [projects, domains] = await Promise.all([
    engine.reads.accounts('project'),
    domain === undefined ? [] : engine.reads.accounts('domain'),
  ]);
  const isNotDeleted = ({ deletedAt }: AccountRecord): boolean => deletedAt === undefined;
  const domainIds = domains
    .filter(isNotDeleted)
    .map(({ account }) => account)
    .filter((account) => account.id === domain || account.name === domain)
    .map(({ id }): string => id);
  return projects
    .filter(isNotDeleted)
    .flatMap(({ account }) => (account.type === 'project' ? [account] : []))
    .filter((account) => name === undefined || account.name === name)
    .filter(({ domainId }) => domain === undefined || domainIds.includes(domainId ?? ''))
    .slice(0, limit)
    .map((account) => ({ id: account.id, name: account.name, domainId: account.domainId }));
}
