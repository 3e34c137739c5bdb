import { defineKind, defineService, defineUserKind, type NeedsLife, type Service } from '../../lib/cleanup/service.ts';
import type { LivingCloud, Thing } from './living-cloud.ts';

/** What a service of the living world holds, and what stands before it. */
export interface Described {
  readonly name: string;
  /** Kinds of a project's things and the class of each. */
  readonly kinds?: Readonly<Record<string, 'A' | 'C' | 'D'>>;
  /** Kinds of the same service that must be gone before a kind. */
  readonly kindsAfter?: Readonly<Record<string, readonly string[]>>;
  /** Services that wait for a kind alone. */
  readonly awaitedBy?: Readonly<Record<string, readonly string[]>>;
  readonly userKinds?: readonly string[];
  /** User kinds that no release removes: they are only told about. */
  readonly stays?: readonly string[];
  readonly after?: readonly string[];
  readonly follows?: readonly string[];
  readonly before?: readonly string[];
  readonly last?: boolean;
  readonly early?: boolean;
}

const needsLife = (kind: string, which: 'A' | 'C' | 'D'): { needsLife?: NeedsLife } =>
  which === 'A' ? {} : { needsLife: { class: which, leaves: `${kind}s`, advice: `Remove the ${kind}s by hand.` } };

/** A service file over the things of the cloud in memory. */
export function serviceOf(
  { name, kinds = {}, kindsAfter = {}, awaitedBy = {}, userKinds = [], stays = [], ...order }: Described,
  cloud: LivingCloud,
): Service {
  return defineService({
    name,
    catalogTypes: [name],
    ...order,
    kinds: Object.entries(kinds).map(([kind, which]) =>
      defineKind<Thing>({
        name: kind,
        ...needsLife(kind, which),
        after: kindsAfter[kind] ?? [],
        awaitedBy: awaitedBy[kind] ?? [],
        list: async ({ api, project }) => cloud.list(`${name}.${kind}`, which, project, api.ownProject),
        id: (row) => row.id,
        owner: (row) => row.owner,
        remove: async (row, { api }) => cloud.remove(row, which, api.ownProject, order.after ?? []),
      }),
    ),
    userKinds: userKinds.map((kind) =>
      defineUserKind<Thing>({
        name: kind,
        list: async ({ user, projects }) => {
          cloud.asked.push(...projects);
          return cloud.list(`${name}.${kind}`, 'A', user, 'cleaner');
        },
        id: (row) => row.id,
        owner: (row) => row.owner,
        remove: async (row) =>
          stays.includes(kind)
            ? { is: 'stays', message: `${row.id} works with his trust`, advice: 'Update it as somebody else.' }
            : cloud.remove(row, 'A', 'cleaner', []),
      }),
    ),
    ...(Object.keys(kinds).length > 0 ? {} : { holdsNothing: 'it holds nothing of a project' }),
  });
}
