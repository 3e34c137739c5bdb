import type { Operation, Task, Uncovered, Waiver } from './model.ts';

/** What covers types of the catalog: a service file, or one of the operator's own. */
interface Covering {
  readonly catalogTypes: readonly string[];
  readonly catalogAliases?: readonly string[];
}

/**
 * The services of a catalog that nobody covers. What they hold of a project is not known, so an
 * operation in such a cloud never ends as plain `finished`, unless a person has waived the type
 * with a reason.
 */
export function uncoveredServices(
  catalog: readonly Uncovered[],
  services: readonly Covering[],
): Uncovered[] {
  const covered = new Set(
    services.flatMap((service) => [...service.catalogTypes, ...(service.catalogAliases ?? [])]),
  );
  const rest = catalog
    .filter(({ type }) => !covered.has(type))
    .map(({ type, name }) => ({ type, name }));
  return [...new Map(rest.map((one) => [one.type, one])).values()].sort((a, b) =>
    a.type < b.type ? -1 : 1,
  );
}

/**
 * Something of which nobody knows whether it holds anything of the account, by the catalog types
 * under which a person may waive it.
 */
export interface Leftover {
  readonly types: readonly string[];
  readonly what: string;
}

/**
 * What may be left when every task has ended: services that nobody covers, and tasks that ended out
 * of reach.
 */
export function leftoversOf(
  operation: Pick<Operation, 'order' | 'uncovered'>,
  tasks: readonly Task[],
): Leftover[] {
  const typesOf = (task: Task): readonly string[] =>
    operation.order.find(({ id }) => id === task.id)?.types ?? [];
  return [
    ...tasks
      .filter((task) => task.state === 'unreachable')
      .map((task) => ({
        types: typesOf(task),
        what: `${task.service}: ${task.because ?? 'unreachable'}`,
      })),
    ...operation.uncovered.map(({ type }) => ({
      types: [type],
      what: `${type}: the catalog has it, and no service file covers it`,
    })),
  ];
}

/**
 * What no waiver lets pass, and the waivers that did: somebody else sees to it, or there is nothing
 * in it.
 */
export function applyWaivers<R extends Pick<Leftover, 'types'>>(
  leftovers: readonly R[],
  waivers: readonly Waiver[],
): { open: R[]; waived: Waiver[] } {
  const isWaived = ({ types }: R): boolean => waivers.some(({ type }) => types.includes(type));
  const waived = waivers.filter(({ type }) => leftovers.some(({ types }) => types.includes(type)));
  return { open: leftovers.filter((unwaivedLeftovers) => !isWaived(unwaivedLeftovers)), waived };
}
