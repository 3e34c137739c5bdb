import type * as z from 'zod';
import { ResourceTypeName } from '../../events/ids.ts';
import type { ProjectContext } from './context.ts';

/** How suspend treats a resource in its present state. */
export type Assessment<RecordedState> =
  /**
   * Suspend changes the resource. `recordedState` is stored before the first change, and resume
   * restores it: small JSON without secrets.
   */
  | { readonly kind: 'suspend'; readonly recordedState: RecordedState }
  /** Suspend has nothing to change, for example on a stopped server. Resume changes nothing. */
  | { readonly kind: 'at-rest' }
  /** Suspend does not change the resource. It reports the reason (`message`) and the advice. */
  | { readonly kind: 'report-only'; readonly message: string; readonly advice: string }
  /** The service is changing the resource. The next iteration lists it again. */
  | { readonly kind: 'wait'; readonly message: string };

/** The present state of a resource compared with its recorded state. */
export type Comparison =
  /** The resource has the recorded state. */
  | { readonly kind: 'as-recorded' }
  | { readonly kind: 'suspended' }
  /** Suspend or resume has made only some of its calls. */
  | { readonly kind: 'partly' }
  /** The service is changing the resource. */
  | { readonly kind: 'changing'; readonly message: string }
  /**
   * Another actor has changed the resource, and resume does not undo this change. `message` names
   * the difference. `isPartlySuspended`: other parts of the resource are still suspended, and
   * resume restores only these parts.
   */
  | { readonly kind: 'changed'; readonly message: string; readonly isPartlySuspended?: boolean };

/**
 * How one resource type is suspended and resumed. `Row` is a listed row. `RecordedState` is what
 * suspend stores before the first change, and what resume restores. The calls must be repeatable.
 */
export interface SuspensionDefinition<Row, RecordedState> {
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
  /** The schema that validates a stored state. */
  readonly recordedState: z.ZodType<RecordedState>;
  list(context: ProjectContext): Promise<readonly Row[]>;
  id(row: Row): string;
  owner(row: Row): string | undefined;
  /**
   * `option`: the option that the policy file chose; `''` for a type without `options`.
   * `earlierRecord`: the state that an earlier suspend recorded, if another actor has changed the
   * resource since then. The state in the returned assessment replaces it. `undefined` if no state
   * is recorded.
   */
  assess(
    row: Row,
    context: ProjectContext,
    option: string,
    earlierRecord: RecordedState | undefined,
  ): Assessment<RecordedState>;
  suspend(row: Row, recordedState: RecordedState, context: ProjectContext): Promise<void>;
  compare(row: Row, recordedState: RecordedState): Comparison;
  resume(row: Row, recordedState: RecordedState, context: ProjectContext): Promise<void>;
}

/**
 * One listed resource, with the types of its row and of its recorded state hidden. `compare`,
 * `suspend` and `resume` throw when `recordedState` does not match the schema of the definition.
 */
export interface SuspensionRow {
  readonly id: string;
  readonly owner: string | undefined;
  /** `earlierRecord`: the recorded state that the result replaces. */
  assess(option?: string, earlierRecord?: unknown): Assessment<unknown>;
  compare(recordedState: unknown): Comparison;
  suspend(recordedState: unknown): Promise<void>;
  resume(recordedState: unknown): Promise<void>;
}

/** A {@link SuspensionDefinition}, with the types of its rows and recorded states hidden. */
export interface SuspensionType {
  readonly resourceType: ResourceTypeName;
  readonly options: readonly string[] | undefined;
  readonly summary: SuspensionDefinition<unknown, unknown>['summary'];
  list(context: ProjectContext): Promise<readonly SuspensionRow[]>;
}

/** The suspension of one service. */
export interface ServiceSuspension {
  /** The services that are suspended before this service, and resumed after it. */
  readonly suspendAfter: readonly string[];
  /** The types in the order in which they are suspended. Resume uses the reverse order. */
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
export function defineSuspension<Row, RecordedState>(
  definition: SuspensionDefinition<Row, RecordedState>,
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
        assess: (option = '', earlierRecord = undefined) =>
          definition.assess(
            row,
            context,
            option,
            earlierRecord === undefined ? undefined : definition.recordedState.parse(earlierRecord),
          ),
        compare: (state) => definition.compare(row, definition.recordedState.parse(state)),
        suspend: (state) => definition.suspend(row, definition.recordedState.parse(state), context),
        resume: (state) => definition.resume(row, definition.recordedState.parse(state), context),
      }));
    },
  });
}
