import type * as z from 'zod';
import { KindName, type ProjectId, ServiceName, type UserId } from '../../events/ids.ts';
import type { Actor, PropagatorError } from '../errors.ts';

/** An answer of a service's API that was accepted (2xx, or a status that the caller named). */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON, `undefined` for an empty or non-JSON body. Parse it with zod before you branch on it. */
  readonly json: unknown;
  readonly requestId: string | undefined;
}

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly json?: unknown;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Another base URL than {@link ServiceApi.endpoint}, on the same host: the account of another project in Swift,
   * `api.endpoint.replace(api.ownProject, project)`. Another host is refused, for the token goes along.
   */
  readonly endpoint?: string;
  /** Statuses beside 2xx that are an answer and no error, for example `[404]`. */
  readonly accept?: readonly number[];
}

/**
 * How a listing goes on after its first page:
 * `marker` nova, cinder, neutron: the id of the last row, as long as the API links to a next page;
 * `next` glance: the path in `next`; `offset` server groups; `swift` the name of the last row, until a page is empty;
 * `none` everything in one answer.
 */
export type Paging = 'marker' | 'next' | 'offset' | 'swift' | 'none';

export interface ListOptions<S extends z.ZodType> extends RequestOptions {
  /** The key that holds the rows, `servers`; undefined where the answer is the array itself (Swift). */
  readonly collection?: string;
  /** Shape of one row; a row without an owner must be let through here, the laws deal with it. */
  readonly row: S;
  readonly paging: Paging;
  /** Rows a page asked for; default 1000. */
  readonly limit?: number;
  /** Stop after about this many rows and say `more`. */
  readonly atMost?: number;
}

/** The REST API of one service in one region, logged in as the cleaner. Bounded, patient with `Retry-After`, never redirected. */
export interface ServiceApi {
  readonly service: string;
  readonly region: string;
  /** Base URL of the endpoint without a trailing slash, as the catalog has it. */
  readonly endpoint: string;
  /** The id of the project that our own token is scoped to. */
  readonly ownProject: string;
  /**
   * One call. `path` is appended to the endpoint and must be escaped by the caller (`encodeURIComponent`).
   * Throws {@link PropagatorError}: 404 and 410 `Gone`, 401 and 403 `Denied`, 405 and 501 `Unsupported`,
   * 409, 429, 5xx and time-outs `Transient`, any other status `Unexpected`.
   */
  request(method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, options?: RequestOptions): Promise<Answer>;
  /** All rows of a listing, page by page. Throws when it can't be sure to have them all: "cannot list" is never "empty". */
  list<S extends z.ZodType>(path: string, options: ListOptions<S>): Promise<{ rows: z.infer<S>[]; more: boolean }>;
}

/** What a service file may reach during one pass. */
export interface Reach {
  /** The project that is emptied. */
  readonly project: ProjectId;
  readonly region: string;
  readonly api: ServiceApi;
  /** Users who had a role on the project, recorded before it was deleted. `undefined`: nobody recorded it. */
  readonly members: readonly UserId[] | undefined;
  /** Another service's API (`swift` for backups in it), `undefined` where the catalog lacks it. */
  other(service: string): Promise<ServiceApi | undefined>;
  /** Epoch milliseconds. */
  now(): number;
  /** Asked once a pass, shared by all kinds: the list of extensions, the routers. */
  once<T>(key: string, ask: () => Promise<T>): Promise<T>;
}

/** Why a thing can't go now, and who can change that. */
export interface Blocker {
  /** In the words of the service where it gave some: `2 ports of project 4f… are on it`. */
  readonly message: string;
  readonly actor: Actor;
  readonly advice?: string;
}

/**
 * What became of one removal.
 * `gone`: the API is synchronous and said so, or it was gone already.
 * `accepted`: asked for, on its way; with `stuckSince` when it has been on its way for too long (epoch milliseconds).
 * `blocked`: something stands in the way.
 * `stays`: this release of the service refuses it for good, and it does no harm; said to the operator, and the task ends without it.
 */
export type Removal =
  | { readonly is: 'gone' }
  | { readonly is: 'accepted'; readonly stuckSince?: number }
  | ({ readonly is: 'blocked' } & Blocker)
  | { readonly is: 'stays'; readonly message: string; readonly advice: string };

/** One thing that a service holds. */
export interface Thing {
  readonly id: string;
  /** The owner as the API showed it in this very row; `undefined` when the row has none. */
  readonly owner: string | undefined;
  /** Name for the log and the operator. */
  readonly label: string | undefined;
  /** Set when it must be left alone for now, whatever the phase. */
  readonly blocked: Blocker | undefined;
  /** Ask for its removal. Repeatable. Throws {@link PropagatorError}. */
  remove(): Promise<Removal>;
}

/** One kind with the row type erased: what `lib/cleanup` works on. */
export interface Kind {
  readonly name: KindName;
  /** Kinds of the same service that must be gone before this one is touched. */
  readonly after: readonly KindName[];
  /** Kinds of the same service that get their turn first; what could not go of them does not hold this one up. */
  readonly follows: readonly KindName[];
  /** What there is. `more`: the listing was cut on purpose, there is more; `total` then says how many in all. Throws when it can't know. */
  look(reach: Reach): Promise<{ things: Thing[]; more: boolean; total?: number | undefined }>;
  /** Removes up to `most` things of one look with fewer calls than one by one. */
  readonly together?: Together<Thing> | undefined;
}

/**
 * Removal of many at once, where the API has it. Answers one for one in the order they were handed in;
 * what it throws is true of all of them.
 */
export interface Together<Item> {
  readonly most: number;
  remove(items: readonly Item[], reach: Reach): Promise<readonly (Removal | PropagatorError)[]>;
}

/** How one kind is written down in a service file. */
export interface KindDefinition<Row> {
  /** `server`: the service's name is put before it. */
  readonly name: string;
  /** Names within the service, without its prefix. */
  readonly after?: readonly string[];
  /** Likewise, where the API itself refuses what is still needed: one thing that is stuck must not keep the rest (law 9). */
  readonly follows?: readonly string[];
  /** Fresh rows. Must not create anything (law 8). Throws when it can't know (law 3), and class `Unsupported` where the cloud lacks the extension. */
  list(reach: Reach): Promise<readonly Row[] | { readonly rows: readonly Row[]; readonly more: boolean; readonly total?: number }>;
  id(row: Row): string;
  owner(row: Row): string | undefined;
  label?(row: Row): string | undefined;
  /** A reason to leave this row alone for now: a port that its load balancer still owns. Counts as left. */
  blocked?(row: Row, reach: Reach): Blocker | undefined;
  remove(row: Row, reach: Reach): Promise<Removal>;
  /** Used instead of `remove` when given: Swift's bulk delete. */
  readonly together?: Together<Row>;
}

export interface Service {
  readonly name: ServiceName;
  /** Its types in Keystone's catalog, the official one first, then aliases: `block-storage`, `volumev3`, `volume`. */
  readonly catalogTypes: readonly string[];
  /** Services that must be done before this one: workloads before their guards. */
  readonly after: readonly ServiceName[];
  /** The header word and the lowest and highest microversion that this file was written for. */
  readonly microversion: { readonly header: string; readonly floor: string; readonly ceiling: string } | undefined;
  /** Calls at the same time, unless the settings say otherwise. */
  readonly concurrency: number;
  readonly kinds: readonly Kind[];
}

/** A kind whose row type was checked and is now closed over. */
export type ClosedKind = (service: string) => Kind;

/**
 * One kind of a service file. The row type is inferred from `list` and checked in the other functions.
 * Rule for `remove`: repeatable, and truthful about synchronous (`gone`) and asynchronous (`accepted`) APIs.
 */
export function defineKind<Row>(definition: KindDefinition<Row>): ClosedKind {
  const { together } = definition;
  const rowOf = new WeakMap<Thing, { readonly row: Row }>();
  const rowsOf = (things: readonly Thing[]): Row[] =>
    things.map((thing) => {
      const known = rowOf.get(thing);
      if (!known) throw new TypeError(`${definition.name}: ${thing.id} was not listed by this kind`);
      return known.row;
    });
  return (service) => ({
    name: KindName.parse(`${service}.${definition.name}`),
    after: (definition.after ?? []).map((name) => KindName.parse(`${service}.${name}`)),
    follows: (definition.follows ?? []).map((name) => KindName.parse(`${service}.${name}`)),
    async look(reach) {
      const listed = await definition.list(reach);
      const { rows, more, total } = 'rows' in listed ? listed : { rows: listed, more: false, total: undefined };
      const things = rows.map((row) => {
        const thing: Thing = {
          id: definition.id(row),
          owner: definition.owner(row),
          label: definition.label?.(row),
          blocked: definition.blocked?.(row, reach),
          remove: () => definition.remove(row, reach),
        };
        rowOf.set(thing, { row });
        return thing;
      });
      return { more, total, things };
    },
    together: together && { most: together.most, remove: (things, reach) => together.remove(rowsOf(things), reach) },
  });
}

export interface ServiceDefinition {
  readonly name: string;
  readonly catalogTypes: readonly string[];
  readonly after: readonly string[];
  readonly microversion?: { readonly header: string; readonly floor: string; readonly ceiling: string };
  /** Default 8. */
  readonly concurrency?: number;
  readonly kinds: readonly ClosedKind[];
}

/**
 * A service as one value: everything else (queue, order, contract test, table of what it holds) follows from it.
 * Throws when a kind names an unknown predecessor, a name twice, or when the order within the service has a cycle.
 */
export function defineService(definition: ServiceDefinition): Service {
  const kinds = definition.kinds.map((close) => close(definition.name));
  const names = kinds.map((kind) => kind.name);
  const reached = new Set<KindName>();
  for (let open = [...kinds]; open.length > 0; ) {
    const ready = open.filter((kind) => [...kind.after, ...kind.follows].every((name) => reached.has(name)));
    if (ready.length === 0)
      throw new TypeError(`${definition.name}: no order is possible among ${open.map((kind) => kind.name).join(', ')}`);
    for (const kind of ready) reached.add(kind.name);
    open = open.filter((kind) => !reached.has(kind.name));
  }
  if (reached.size !== names.length) throw new TypeError(`${definition.name}: a kind stands twice among ${names.join(', ')}`);
  return {
    name: ServiceName.parse(definition.name),
    catalogTypes: definition.catalogTypes,
    after: definition.after.map((name) => ServiceName.parse(name)),
    microversion: definition.microversion,
    concurrency: definition.concurrency ?? 8,
    kinds,
  };
}
