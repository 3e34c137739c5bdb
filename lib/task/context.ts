import type * as z from 'zod';
import type { ProjectId, UserId } from '../../events/ids.ts';
import type { PropagatorError } from '../shared/errors.ts';

/** An accepted answer of a service's API: 2xx, or a status that the caller accepts. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  /**
   * The parsed JSON, or `undefined` if the body is empty or not JSON. Validate it with zod before
   * use.
   */
  readonly json: unknown;
  readonly requestId: string | undefined;
}

/** The options of one call. */
export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly json?: unknown;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * A base URL that replaces {@link ServiceApi.endpoint}. Example: the Swift account of another
   * project, `api.endpoint.replace(api.ownProject, project)`. The host must be the same, because
   * the request contains the token.
   */
  readonly endpoint?: string;
  /** Statuses other than 2xx that are not errors, for example `[404]`. */
  readonly accept?: readonly number[];
}

/**
 * How a listing requests the next page:
 * - `marker` (nova, cinder, neutron): with the id of the last row, as long as the answer links to a
 *   next page;
 * - `next` (glance): with the path in the field `next`;
 * - `offset` (server groups): with an offset, until a page is empty;
 * - `total` (barbican): with an offset, up to the total that the service reports;
 * - `swift`: with the name of the last row, until a page is empty;
 * - `none`: all rows are in one answer, and there is no next page.
 */
export type Paging = 'marker' | 'next' | 'offset' | 'total' | 'swift' | 'none';

/** The options of one listing. */
export interface ListOptions<S extends z.ZodType> extends RequestOptions {
  /**
   * The key of the rows, for example `servers`; `undefined` if the answer itself is an array
   * (Swift).
   */
  readonly collection?: string;
  /**
   * The shape of one row. The schema must accept a row without an owner, because the safety rules
   * handle rows without an owner.
   */
  readonly row: S;
  readonly paging: Paging;
  /** Rows requested per page; default 1000. */
  readonly pageSize?: number;
  /** The listing stops after about this many rows. `hasMore` is then true. */
  readonly maxRows?: number;
  /**
   * Called with each page before the next one is requested. The result of the listing then contains
   * no rows. If a listing restarts, `onPage` is called with the first pages again.
   */
  readonly onPage?: (rows: z.infer<S>[]) => Promise<void>;
}

/**
 * The REST API of one service in one region, with a token of the propagator's user. The client
 * limits concurrent calls, obeys `Retry-After`, and follows no redirects.
 */
export interface ServiceApi {
  readonly service: string;
  readonly region: string;
  /** The endpoint URL of the catalog without a trailing slash. */
  readonly endpoint: string;
  /** The id of the project of the propagator's token. */
  readonly ownProject: string;
  /**
   * The microversion of every call, between the floor and the ceiling of the service file;
   * `undefined` where the file names none.
   */
  readonly microversion?: string | undefined;
  /**
   * Makes one call. `path` is appended to the endpoint. The caller must escape it
   * (`encodeURIComponent`). Throws {@link PropagatorError} of class `Gone` (404, 410), `Denied`
   * (401, 403), `Unsupported` (405, 501), `Transient` (409, 429, 5xx, timeouts) or `Unexpected`
   * (any other status).
   */
  request(
    method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    options?: RequestOptions,
  ): Promise<ApiAnswer>;
  /**
   * Returns the rows of all pages of a listing. `hasMore`: the listing stopped at `maxRows` rows.
   * Throws when the list may be incomplete for another reason, because the caller would treat it as
   * complete.
   */
  list<S extends z.ZodType>(
    path: string,
    options: ListOptions<S>,
  ): Promise<{ rows: z.infer<S>[]; hasMore: boolean }>;
  /** Returns a copy of this API whose calls report each complete answer to the watch. */
  withWatch?(watch: SilenceWatch): ServiceApi;
}

/** Detects that an API has given no complete answer for a long time, and then aborts its calls. */
export interface SilenceWatch {
  /** Aborted when no complete answer has arrived for too long. The open calls then fail. */
  readonly signal: AbortSignal;
  /** Called after each complete answer. */
  answered(): void;
}

/** The context of one run, for a project or for a user. */
export interface CommonContext {
  readonly region: string;
  readonly api: ServiceApi;
  /**
   * The same API with a token on the project itself. Set only in phase `pre-delete`, because the
   * project still exists in this phase. A resource type of class C gets this API as `api`. Other
   * types may use `projectApi` if the service needs the project's token (Heat).
   */
  readonly projectApi: ServiceApi | undefined;
  /**
   * Phase `pre-delete` only: returns the same API with a token on the project that has only the
   * role `member`. Some services show the owner of a resource to a member and hide it from an
   * administrator. Throws class `Denied` when Keystone gives no such token.
   */
  readonly memberApi?: () => Promise<ServiceApi | undefined>;
  /**
   * Resume only: returns the same API with a token on the project. To get the token, the propagator
   * assigns roles on the project to its own user. It revokes the roles after the run. If the run
   * ends without an error and the task must run again, the propagator keeps the roles. Throws the
   * error of Keystone.
   */
  readonly apiWithProjectToken?: () => Promise<ServiceApi | undefined>;
  /**
   * Returns the API of another service, or `undefined` if the catalog lacks it. Example: `swift`,
   * for the backups that Cinder stores there.
   */
  apiOf(service: string): Promise<ServiceApi | undefined>;
  /** Epoch milliseconds. */
  now(): number;
  /**
   * Calls `load` at most once per iteration and key, and shares the result among all resource
   * types. Example: the list of extensions.
   */
  memoize<T>(key: string, load: () => Promise<T>): Promise<T>;
}

/** The context of a run for a project. */
export interface ProjectContext extends CommonContext {
  /** The project whose resources the run lists and changes. */
  readonly project: ProjectId;
  /**
   * The users with a role on the project, recorded before its deletion; `undefined` if not
   * recorded.
   */
  readonly members: readonly UserId[] | undefined;
  /**
   * Set in a partial run: the services that this service depends on and that have not ended yet.
   * The run must keep resources that these services may still use.
   */
  readonly awaitedServices?: readonly string[] | undefined;
}

/** The context of a run for a user. */
export interface UserContext extends CommonContext {
  /**
   * The user of the operation. A resource in a project belongs to the project, even if this user
   * created the resource.
   */
  readonly user: UserId;
  readonly userName: string | undefined;
  /**
   * Projects on which the user had a role, as far as recorded. Some of the projects may not exist
   * any more.
   */
  readonly projects: readonly ProjectId[];
}
