import type { Uncovered, Waiver } from './model.ts';

/** What covers types of the catalog: a service file, or one of the operator's own. */
interface Covering {
  readonly catalogTypes: readonly string[];
}

/**
 * The services of a catalog that nobody covers. What they hold of a project is not known, so an operation in such a cloud
 * never ends as plain `finished`, unless a person has waived the type with a reason.
 */
export function uncoveredOf(catalog: readonly Uncovered[], services: readonly Covering[]): Uncovered[] {
  const covered = new Set(services.flatMap((service) => service.catalogTypes));
  const rest = catalog.filter(({ type }) => !covered.has(type)).map(({ type, name }) => ({ type, name }));
  return [...new Map(rest.map((one) => [one.type, one])).values()].sort((a, b) => (a.type < b.type ? -1 : 1));
}

/** Those that no waiver lets pass, and the waivers that did. */
export function weigh(uncovered: readonly Uncovered[], waivers: readonly Waiver[]): { open: Uncovered[]; waived: Waiver[] } {
  const types = new Set(uncovered.map(({ type }) => type));
  const waived = waivers.filter(({ type }) => types.has(type));
  return { open: uncovered.filter(({ type }) => !waived.some((waiver) => waiver.type === type)), waived };
}
