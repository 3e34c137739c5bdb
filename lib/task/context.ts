import type * as z from 'zod';
import type { ProjectId, UserId } from '../../events/ids.ts';
import type { PropagatorError } from '../shared/errors.ts';

/** An answer of a service's API that was accepted (2xx, or a status that the caller named). */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /**
   * Parsed JSON, `undefined` for an empty or non-JSON body. Parse it with zod before you branch on
   * it.
   */
  readonly json: unknown;
  readonly requestId: string | undefined;
}

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly json?: unknown;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Another base URL than {@link ServiceApi.endpoint}, on the same host: the account of another
   * project in Swift,
   * `api.endpoint.replace(api.ownProject, project)`. Another host is refused, for the token goes
   * along.
   */
  readonly endpoint?: string;
  /** Statuses beside 2xx that are an answer and no error, for example `[404]`. */
  readonly accept?: readonly number[];
}

/**
 * How a listing goes on after its first page:
 * `marker` nova, cinder, neutron: the id of the last row, as long as the API links to a next page;
 * `next` glance: the path in `next`; `offset` server groups; `total` barbican: by offset, as many
 * as it says there are; `swift` the name of the last row, until a page is empty;
 * `none` everything in one answer.
 */
export type Paging = 'marker' | 'next' | 'offset' | 'total' | 'swift' | 'none';

export interface ListOptions<S extends z.ZodType> extends RequestOptions {
  /**
   * The key that holds the rows, `servers`; undefined where the answer is the array itself (Swift).
   */
  readonly collection?: string;
  /**
   * Shape of one row; a row without an owner must be let through here, the safety rules deal with
   * it.
   */
  readonly row: S;
  readonly paging: Paging;
  /** Rows a page asked for; default 1000. */
  readonly limit?: number;
  /** Stop after about this many rows and say `more`. */
  readonly atMost?: number;
}

/**
 * The REST API of one service in one region, logged in as the cleaner. Bounded, patient with
 * `Retry-After`, never redirected.
 */
export interface ServiceApi {
  readonly service: string;
  readonly region: string;
  /** Base URL of the endpoint without a trailing slash, as the catalog has it. */
  readonly endpoint: string;
  /** The id of the project that our own token is scoped to. */
  readonly ownProject: string;
  /**
   * The microversion that every call asks for, between the service file's floor and ceiling;
   * `undefined` where it names none.
   */
  readonly microversion?: string | undefined;
  /**
   * One call. `path` is appended to the endpoint and must be escaped by the caller
   * (`encodeURIComponent`). Throws {@link PropagatorError}: 404 and 410 `Gone`, 401 and 403
   * `Denied`, 405 and 501 `Unsupported`, 409, 429, 5xx and time-outs `Transient`, any other status
   * `Unexpected`.
   */
  request(
    method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    options?: RequestOptions,
  ): Promise<Answer>;
  /**
   * All rows of a listing, page by page. Throws when it can't be sure to have them all: "cannot
   * list" is never "empty".
   */
  list<S extends z.ZodType>(
    path: string,
    options: ListOptions<S>,
  ): Promise<{ rows: z.infer<S>[]; more: boolean }>;
  /** The same API, whose calls a watch is told of and can abort. */
  watched?(watch: Watch): ServiceApi;
}

/** Told of each complete answer; its signal aborts the calls that are under way. */
export interface Watch {
  readonly signal: AbortSignal;
  answered(): void;
}

/** What a service file may reach during one pass, whoever's resources it is about. */
export interface CommonContext {
  readonly region: string;
  readonly api: ServiceApi;
  /**
   * The same API with a token on the project itself: there while a project lives and an
   * administrator has asked for its end. A kind of class C finds it as `api`; others may prefer it
   * (Heat deletes with the caller's token).
   */
  readonly projectApi: ServiceApi | undefined;
  /**
   * The same API with a token on the project that carries the role `member` alone, where the phase
   * is `pre-delete`: some services hide from an administrator whose a resource is. Throws class
   * `Denied` when Keystone gives no such token.
   */
  readonly memberApi?: () => Promise<ServiceApi | undefined>;
  /** Another service's API (`swift` for backups in it), `undefined` where the catalog lacks it. */
  apiOf(service: string): Promise<ServiceApi | undefined>;
  /** Epoch milliseconds. */
  now(): number;
  /** Asked once a pass, shared by all resource types: the list of extensions, the routers. */
  memoize<T>(key: string, ask: () => Promise<T>): Promise<T>;
}

/** What a service file may reach while a project is emptied. */
export interface ProjectContext extends CommonContext {
  /** The project that is emptied. */
  readonly project: ProjectId;
  /**
   * Users who had a role on the project, recorded before it was deleted. `undefined`: nobody
   * recorded it.
   */
  readonly members: readonly UserId[] | undefined;
}

/** What a service file may reach after a user was deleted. */
export interface UserContext extends CommonContext {
  /** The user who is gone. Things that he made in living projects are not his. */
  readonly user: UserId;
  readonly userName: string | undefined;
  /** Projects on which the user had a role, as far as it was recorded; some may be gone, too. */
  readonly projects: readonly ProjectId[];
}
