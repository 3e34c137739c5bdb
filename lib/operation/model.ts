import type { Cause } from '../../events/account.ts';
import type {
  DomainId,
  OperationId,
  ProjectId,
  ResourceTypeName,
  ServiceName,
  TaskId,
  UserId,
} from '../../events/ids.ts';
import type { Condition, Phase } from '../../events/service.ts';
import type { ErrorReport } from '../shared/errors.ts';

export type Mode = 'observe' | 'enforce';

/**
 * `confirming`: Keystone is asked, twice and apart, and the grace period passes; the survey runs
 * meanwhile.
 * `held`: a cap, a protection or a question that only a person can answer stopped it; a person must
 * release it.
 * `preDelete`: an administrator asked for the end of a project that still lives: what needs it
 * alive goes first.
 * `running`: services are being emptied. `waiting`: a domain waits for its projects.
 * `closing`: everything is empty, the project is deleted in Keystone.
 * Ends: `finished`, `observed` (mode observe: surveyed, nothing changed), `refused` (Keystone still
 * shows the account),
 * `unverified` (some service was unreachable for ever, or the catalog has one that nobody covers:
 * what is left there is not known).
 */
export const OPERATION_STATES = [
  'confirming',
  'held',
  'pre-delete',
  'running',
  'waiting',
  'closing',
  'finished',
  'observed',
  'refused',
  'unverified',
] as const;
export type OperationState = (typeof OPERATION_STATES)[number];
export const ENDED: readonly OperationState[] = ['finished', 'observed', 'refused', 'unverified'];

/**
 * `planning`: being counted. `pending`: counted, waits for those before it. `requested`: a pass is
 * on its way or due.
 * `dead-lettered`: given up, its message is in the dead-letter queue, the operator must act.
 * Ends: `finished` (a listing came back empty after the deletes; in mode observe: counted),
 * `skipped` (the cloud lacks it), `unreachable`.
 */
export const TASK_STATES = [
  'planning',
  'pending',
  'requested',
  'dead-lettered',
  'finished',
  'skipped',
  'unreachable',
] as const;
export type TaskState = (typeof TASK_STATES)[number];
export const TASK_ENDED: readonly TaskState[] = ['finished', 'skipped', 'unreachable'];

/** Members: users who had a role on the project, recorded before the deletion. */
export type ProjectScope = Extract<Scope, { type: 'project' }>;
export type Scope =
  | {
      readonly type: 'project';
      readonly id: ProjectId;
      readonly name?: string;
      readonly domainId?: DomainId;
      readonly members?: readonly UserId[];
    }
  | { readonly type: 'domain'; readonly id: DomainId; readonly name?: string }
  /** `projects`: those on which he had a role, as far as the inventory knew. */
  | {
      readonly type: 'user';
      readonly id: UserId;
      readonly name?: string;
      readonly domainId?: DomainId;
      readonly projects: readonly ProjectId[];
    };

/**
 * One step of the saved order: a service in a region and the tasks that must have ended before it.
 */
export interface PlannedTask {
  readonly id: TaskId;
  readonly service: ServiceName;
  readonly region: string;
  readonly after: readonly TaskId[];
  /**
   * Tasks that get their turn first; one of them that can't be listed holds this one up only for a
   * while.
   */
  readonly follows: readonly TaskId[];
  /**
   * Of those that it follows, the ones that it follows for the sake of some resource types alone.
   */
  readonly until: readonly {
    readonly task: TaskId;
    readonly resourceTypes: readonly ResourceTypeName[];
  }[];
  /** It has something to do while the project still lives. */
  readonly preDelete: boolean;
  /** The service's types in the catalog: under these a person may waive it. */
  readonly types: readonly string[];
}

/** An administrator asked for the cleanup of a project that Keystone still has. */
export interface Request {
  readonly by: string;
  readonly reason: string;
  readonly at: number;
  /** Whether Keystone showed it enabled then, and the administrator confirmed it by its name. */
  readonly enabled: boolean;
}

/** A person ran the operation `of` again after it had ended. */
export interface Rerun {
  readonly of: OperationId;
  readonly by: string;
  readonly reason: string;
  readonly at: number;
}

/** What is to be done in Keystone itself, one thing at a time; `number` is the fence. */
export interface KeystoneAction {
  readonly what: 'assign-role' | 'disable' | 'revoke-role' | 'delete';
  readonly number: number;
  readonly since: number;
  readonly done: boolean;
}

/**
 * A registration in Keystone that is not emptied: no service file covers its type, or it is out of
 * reach.
 */
export interface Uncovered {
  /** As Keystone has it. Under this a person may waive it. */
  readonly type: string;
  readonly name: string;
  readonly region?: string;
  /** Why; missing when the catalog has the type and no service file covers it. */
  readonly because?: string;
  readonly advice?: string;
}

/** A region that a setting leaves out: what is registered there is not emptied, on purpose. */
export interface LeftOut {
  readonly region: string;
  readonly types: readonly string[];
  /** The setting that names the regions. */
  readonly setting: string;
}

/** A person decided once for the whole cloud that a catalog type needs no cover. */
export interface Waiver {
  readonly type: string;
  readonly by: string;
  readonly reason: string;
  readonly at: number;
}

export interface Hold {
  readonly reason: string;
  readonly since: number;
  readonly advice: string;
  readonly about?: 'cap' | 'keystoneAction' | 'leftovers' | 'listing';
}

/** One account change carried through all services. Epoch milliseconds everywhere. */
export interface Operation {
  readonly id: OperationId;
  readonly action: 'cleanup';
  readonly scope: Scope;
  /**
   * Counts the operations about this account, from 1. Each new deletion of the same id and each rerun
   * is a new generation.
   */
  readonly generation: number;
  readonly mode: Mode;
  readonly state: OperationState;
  readonly cause: Cause;
  /** The operation of the domain that this project belonged to. */
  readonly parentId: OperationId | undefined;
  /** When Keystone answered 404 for the account, first and last. */
  readonly confirmedAt: readonly number[];
  /** The question to Keystone that is due or under way. */
  readonly confirmation: number;
  /** Nothing is destroyed before this. */
  readonly notBefore: number;
  readonly order: readonly PlannedTask[];
  /** Domains: the operations of its projects. */
  readonly children: readonly OperationId[];
  /**
   * Why it stands still, since when, who can act. `about` says how it goes on when a person
   * releases it.
   */
  readonly hold: Hold | undefined;
  /** Set when an administrator asked for it. */
  readonly request: Request | undefined;
  /** Set when a person ran an ended operation again. */
  readonly rerun: Rerun | undefined;
  /**
   * Another deletion of the same account that was announced while this operation was running. When
   * this operation ends, the next one is opened for it.
   */
  readonly next: Cause | undefined;
  /** What is being done in Keystone. */
  readonly keystoneAction: KeystoneAction | undefined;
  /** Roles that the cleaner takes on the living project for the run, and gives back. */
  readonly roles: readonly string[];
  readonly uncovered: readonly Uncovered[];
  readonly leftOut: readonly LeftOut[];
  /** Waivers that counted when it ended. */
  readonly waived: readonly Waiver[];
  /** Records of people's decisions. */
  readonly released:
    | { readonly by: string; readonly reason: string; readonly at: number }
    | undefined;
  readonly openedAt: number;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  /** Optimistic lock: counts the writes. */
  readonly version: number;
}

/** Things of one resource type over the whole task. */
export interface ResourceTypeCount {
  /** Counted by the survey, or by the first look that could list it. */
  readonly found: number;
  readonly removed: number;
  readonly left: number;
}

/** By kind: `nova.server`. */
export type TaskCounts = Readonly<Record<string, ResourceTypeCount>>;

export interface Task {
  readonly id: TaskId;
  readonly operationId: OperationId;
  readonly service: ServiceName;
  readonly region: string;
  readonly state: TaskState;
  /** What its passes do: `plan` counts, `apply` removes. */
  readonly phase: Phase;
  /** It has something to do while the project lives; `preDelete` is its state there. */
  readonly preDelete: 'no' | 'due' | 'done';
  /** Resource types that were proven empty while the project lived. */
  readonly verifiedBeforeDeletion: readonly ResourceTypeName[];
  /**
   * Resource types that others wait for alone and that the last pass of its turn proved to be
   * empty.
   */
  readonly verifiedEmpty: readonly ResourceTypeName[];
  /**
   * Somebody could work in the project while the pass was under way that is awaited now: what it
   * saw empty may not be any more.
   */
  readonly stale?: boolean | undefined;
  /**
   * Tasks that it went ahead of, for they were held up or had nothing left that it waits for; it is
   * looked at once more when they have ended.
   */
  readonly ahead: readonly TaskId[];
  /** The pass that is asked for or under way; a report of any other pass is not taken in. */
  readonly run: number;
  /** Last report within the pass that was taken in. */
  readonly sequence: number;
  readonly counts: TaskCounts;
  /** The counts as they stood when the current pass began. */
  readonly baseline: TaskCounts;
  readonly conditions: readonly Condition[];
  readonly error: ErrorReport | undefined;
  /**
   * Consecutive failed runs, not counting runs that only waited or that removed something. At
   * `maxAttempts` the task is dead-lettered.
   */
  readonly attempts: number;
  /** When a resource was last seen to go that had not been counted as gone before. */
  readonly progressAt: number;
  /** When the last report was taken in. */
  readonly reportedAt?: number | undefined;
  /** The run that is asked for or under way has made such progress. */
  readonly runProgressed: boolean;
  /** Milliseconds since then that the service itself asked to be left alone (`Retry-After`). */
  readonly askedWaitMillis: number;
  /** By resource type: the highest `removed` so far. Only more than that is progress. */
  readonly mostRemoved: Readonly<Record<string, number>>;
  /** By resource type: distinct ids that the ended runs have listed, as far as it is known. */
  readonly distinct: Readonly<Record<string, number>>;
  /** The ids behind `distinct`, as a filter of bounded size. */
  readonly seenIds: string | undefined;
  readonly because: string | undefined;
  /** When the next pass is due; for people. */
  readonly nextAt: number | undefined;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly version: number;
}
