import type * as z from 'zod';
import { ResourceTypeName } from '../../events/ids.ts';
import type { ProjectContext } from './context.ts';

/** How suspend treats a resource in its present state. */
export type Assessment<Before> =
  /**
   * Suspend changes the resource. `before`: the state that resume restores, as small JSON without
   * secrets.
   */
  | { readonly kind: 'switch'; readonly before: Before }
  /** The resource is already at rest. Suspend and resume do not change it. */
  | { readonly kind: 'at-rest' }
  /** The resource is reported and not changed, because resume could not restore it exactly. */
  | { readonly kind: 'leave'; readonly message: string; readonly advice: string }
  /** The service is changing the resource. The next iteration lists it again. */
  | { readonly kind: 'wait'; readonly message: string };

/** The present state of a resource compared with its record. */
export type Comparison =
  /** The resource has the recorded state. */
  | { readonly kind: 'as-before' }
  | { readonly kind: 'suspended' }
  /** Suspend or resume has made only some of its calls. */
  | { readonly kind: 'partly' }
  /** The service is changing the resource. */
  | { readonly kind: 'changing'; readonly message: string }
  /**
   * Another actor has changed the resource, so resume does not change it. `message` names the
   * difference. `isPartlySuspended`: other parts of the resource are still suspended, and resume
   * restores only these parts.
   */
  | { readonly kind: 'changed'; readonly message: string; readonly isPartlySuspended?: boolean };

/**
 * How one resource type is suspended and resumed. `Row` is a listed row, and `Before` the recorded
 * state. The calls must be repeatable.
 */
export interface SuspensionDefinition<Row, Before> {
  /** The resource type within the service, for example `server`. */
  readonly name: string;
  /**
   * Suspend changes the type only if the policy file chooses one of these options. Without
   * `options`, suspend always changes the type. Resume ignores options and restores the recorded
   * state.
   */
  readonly options?: readonly string[];
  /**
   * For the documentation: the changes of suspend, the recorded state, and the changes of resume.
   */
  readonly summary: {
    readonly suspend: string;
    readonly record: string;
    readonly resume: string;
    /** The resources that are not changed, and why. */
    readonly unchanged?: readonly string[];
  };
  /** Validates a stored record. */
  readonly before: z.ZodType<Before>;
  list(context: ProjectContext): Promise<readonly Row[]>;
  id(row: Row): string;
  owner(row: Row): string | undefined;
  /**
   * `option`: the option that the policy file chose; `''` for a type without `options`. `recorded`:
   * the record that the result replaces, because another actor has changed the resource.
   */
  assess(
    row: Row,
    context: ProjectContext,
    option: string,
    recorded: Before | undefined,
  ): Assessment<Before>;
  suspend(row: Row, before: Before, context: ProjectContext): Promise<void>;
  compare(row: Row, before: Before): Comparison;
  resume(row: Row, before: Before, context: ProjectContext): Promise<void>;
}

/**
 * One listed resource, with its row type and record type hidden. `compare`, `suspend` and `resume`
 * throw when `before` does not match the definition.
 */
export interface SuspensionRow {
  readonly id: string;
  readonly owner: string | undefined;
  /** `recorded`: the stored record that the result replaces. */
  assess(option?: string, recorded?: unknown): Assessment<unknown>;
  compare(before: unknown): Comparison;
  suspend(before: unknown): Promise<void>;
  resume(before: unknown): Promise<void>;
}

/** How one resource type is suspended and resumed, with its row type and record type hidden. */
export interface SuspensionType {
  readonly resourceType: ResourceTypeName;
  readonly options: readonly string[] | undefined;
  readonly summary: SuspensionDefinition<unknown, unknown>['summary'];
  list(context: ProjectContext): Promise<readonly SuspensionRow[]>;
}

/** The suspension of one service. */
export interface ServiceSuspension {
  /** The services that are suspended before this service, and resumed after it. */
  readonly after: readonly string[];
  /** In the order of suspend. Resume uses the reverse order. */
  readonly types: readonly ((service: string) => SuspensionType)[];
}

/**
 * Returns the types that suspend changes, each with its chosen option. `chosenOptions`: the
 * options in the policy file; `undefined` if the policy file has none for the service.
 */
export function chosenTypes(
  types: readonly SuspensionType[],
  chosenOptions: readonly string[] | undefined,
): { readonly type: SuspensionType; readonly option: string }[] {
  return types.flatMap((type) => {
    if (type.options === undefined) return [{ type, option: '' }];
    const option = type.options.find((one) => chosenOptions?.includes(one));
    return option === undefined ? [] : [{ type, option }];
  });
}

/** Defines how one resource type is suspended and resumed. */
export function defineSuspension<Row, Before>(
  definition: SuspensionDefinition<Row, Before>,
): (service: string) => SuspensionType {
  return (service) => ({
    resourceType: ResourceTypeName.parse(`${service}.${definition.name}`),
    options: definition.options,
    summary: definition.summary,
    async list(context) {
      const rows = await definition.list(context);
      return rows.map((row) => ({
        id: definition.id(row),
        owner: definition.owner(row),
        assess: (option = '', recorded = undefined) =>
          definition.assess(
            row,
            context,
            option,
            recorded === undefined ? undefined : definition.before.parse(recorded),
          ),
        compare: (before) => definition.compare(row, definition.before.parse(before)),
        suspend: (before) => definition.suspend(row, definition.before.parse(before), context),
        resume: (before) => definition.resume(row, definition.before.parse(before), context),
      }));
    },
  });
}
