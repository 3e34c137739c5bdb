import { KindName, ServiceName } from '../../events/ids.ts';
import type { Actor, PropagatorError } from '../errors.ts';
import type { Reach, UserReach } from './reach.ts';

export type { Answer, CommonReach, ListOptions, Paging, Reach, RequestOptions, ServiceApi, UserReach } from './reach.ts';

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

/**
 * Why a kind of things needs the project alive, and what that means when it is not any more.
 * `C`: only a token on the project itself can list and remove it (Barbican's secrets).
 * `D`: any administrator can list it, but the service removes it with a trust or an application credential of the dead account (Blazar's leases).
 */
export interface NeedsLife {
  readonly class: 'C' | 'D';
  /** What is probably left behind when the project died first, in a few words: `secrets, containers and their copies in the secret store`. */
  readonly leaves: string;
  /** What the operator can do then, one sentence. */
  readonly advice: string;
}

/** One kind with the row type erased: what `lib/cleanup` works on. `At` is {@link UserReach} for what belongs to a user. */
export interface Kind<At = Reach> {
  readonly name: KindName;
  readonly needsLife: NeedsLife | undefined;
  /** For the operator's page: what refuses or delays the removal. */
  readonly blockers: readonly string[];
  /** Kinds of the same service that must be gone before this one is touched. */
  readonly after: readonly KindName[];
  /** Kinds of the same service that get their turn first; what could not go of them does not hold this one up. */
  readonly follows: readonly KindName[];
  /** Services that follow this one for the sake of this kind alone. */
  readonly awaitedBy: readonly ServiceName[];
  /** What there is. `more`: the listing was cut on purpose, there is more; `total` then says how many in all. Throws when it can't know. */
  look(reach: At): Promise<{ things: Thing[]; more: boolean; total?: number | undefined }>;
  /** Removes up to `most` things of one look with fewer calls than one by one. */
  readonly together?: Together<Thing, At> | undefined;
}

/**
 * Removal of many at once, where the API has it. Answers one for one in the order they were handed in;
 * what it throws is true of all of them.
 */
export interface Together<Item, At = Reach> {
  readonly most: number;
  remove(items: readonly Item[], reach: At): Promise<readonly (Removal | PropagatorError)[]>;
}

/** How one kind is written down in a service file. */
export interface KindDefinition<Row, At = Reach> {
  /** `server`: the service's name is put before it. */
  readonly name: string;
  /** Set when it can't be removed once the project is dead (classes C and D); left out for what any administrator's token removes at any time (class A). */
  readonly needsLife?: NeedsLife;
  /** What refuses or delays the removal, one short sentence each, for the operator's page of this service. */
  readonly blockers?: readonly string[];
  /** Names within the service, without its prefix. */
  readonly after?: readonly string[];
  /** Likewise, where the API itself refuses what is still needed: one thing that is stuck must not keep the rest (law 9). */
  readonly follows?: readonly string[];
  /**
   * Services that follow this one for the sake of this kind alone: they get their turn as soon as a listing has proven that nothing of it is
   * left, while the rest may take its time. They are looked at once more when all of this service has ended. Not on kinds of users.
   */
  readonly awaitedBy?: readonly string[];
  /**
   * Fresh rows. Must not create anything (law 8). Throws when it can't know (law 3), and class `Unsupported` where the cloud lacks the extension;
   * with a code that ends with `.hidden` where this release has such things and shows an administrator none of them: out of reach, and never empty.
   */
  list(reach: At): Promise<readonly Row[] | { readonly rows: readonly Row[]; readonly more: boolean; readonly total?: number }>;
  id(row: Row): string;
  owner(row: Row): string | undefined;
  label?(row: Row): string | undefined;
  /** A reason to leave this row alone for now: a port that its load balancer still owns. Counts as left. */
  blocked?(row: Row, reach: At): Blocker | undefined;
  remove(row: Row, reach: At): Promise<Removal>;
  /** Used instead of `remove` when given: Swift's bulk delete. */
  readonly together?: Together<Row, At>;
}

export interface Service {
  readonly name: ServiceName;
  /** Its types in Keystone's catalog, the official one first, then aliases: `block-storage`, `volumev3`, `volume`. */
  readonly catalogTypes: readonly string[];
  /** Types that stand in a catalog for the same things, and that are never spoken to: an older API, one in the manner of another cloud. */
  readonly alsoCovers: readonly string[];
  /** Services that must be done before this one, whatever happens to them: workloads before their guards (law 6). */
  readonly after: readonly ServiceName[];
  /** Services that get their turn first; one that cannot be listed does not hold this one up, which is looked at once more after it (law 9). */
  readonly follows: readonly ServiceName[];
  /** Services that follow all of this one: the same as {@link Service.follows}, said from the other side. Of one kind alone: {@link Kind.awaitedBy}. */
  readonly before: readonly ServiceName[];
  /** Follows every other service: what Keystone itself keeps of an account. */
  readonly last: boolean;
  /**
   * The word of the header (`compute`, or `X-OpenStack-Manila-API-Version` where a service has one of its own)
   * and the lowest and highest microversion that this file was written for.
   */
  readonly microversion: { readonly header: string; readonly floor: string; readonly ceiling: string } | undefined;
  /** `system`: its API lets only a token with system scope see other people's things (class B). */
  readonly scope: 'project' | 'system';
  /** Emptied while the project still lives, when an administrator asked for it: it has kinds of class C or D, or does better with the project's own token. */
  readonly early: boolean;
  /** Why an operator must ask for it by name before it removes anything: `metering is often billing evidence`. */
  readonly offByDefault: string | undefined;
  /** Set instead of kinds: why nothing in this service belongs to a project. */
  readonly holdsNothing: string | undefined;
  /** What its releases do differently, for the operator's page. */
  readonly releases: readonly string[];
  /** Calls at the same time, unless the settings say otherwise. */
  readonly concurrency: number;
  readonly kinds: readonly Kind[];
  /** What of a deleted user it holds. */
  readonly userKinds: readonly Kind<UserReach>[];
}

/** A kind whose row type was checked and is now closed over. */
export type ClosedKind<At = Reach> = (service: string) => Kind<At>;

/**
 * One kind of a service file. The row type is inferred from `list` and checked in the other functions.
 * Rule for `remove`: repeatable, and truthful about synchronous (`gone`) and asynchronous (`accepted`) APIs.
 */
export function defineKind<Row>(definition: KindDefinition<Row>): ClosedKind {
  return close(definition);
}

/**
 * One kind of what belongs to a user. The owner of a row is the user's id. What is not to be removed and only breaks without the user
 * (a stack with his trust) answers `stays` to its removal, with what the operator can do.
 */
export function defineUserKind<Row>(definition: Omit<KindDefinition<Row, UserReach>, 'awaitedBy'>): ClosedKind<UserReach> {
  return close(definition);
}

function close<Row, At>(definition: KindDefinition<Row, At>): ClosedKind<At> {
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
    needsLife: definition.needsLife,
    blockers: definition.blockers ?? [],
    after: (definition.after ?? []).map((name) => KindName.parse(`${service}.${name}`)),
    follows: (definition.follows ?? []).map((name) => KindName.parse(`${service}.${name}`)),
    awaitedBy: (definition.awaitedBy ?? []).map((name) => ServiceName.parse(name)),
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
  /** See {@link Service} for each of these. */
  readonly catalogTypes: readonly string[];
  readonly alsoCovers?: readonly string[];
  readonly after?: readonly string[];
  readonly follows?: readonly string[];
  readonly before?: readonly string[];
  readonly last?: boolean;
  readonly microversion?: { readonly header: string; readonly floor: string; readonly ceiling: string };
  /** Default `project`. */
  readonly scope?: 'project' | 'system';
  /** Default: whether a kind needs the project alive. */
  readonly early?: boolean;
  readonly offByDefault?: string;
  readonly holdsNothing?: string;
  readonly releases?: readonly string[];
  /** Default 8. */
  readonly concurrency?: number;
  readonly kinds?: readonly ClosedKind[];
  readonly userKinds?: readonly ClosedKind<UserReach>[];
}

/**
 * A service as one value: everything else (queue, order, contract test, page, table of what it holds) follows from it.
 * Throws `TypeError` when a kind names an unknown predecessor, a name twice, when the order within the service has a cycle,
 * when a service is to follow both all of it and one kind alone, and when it holds nothing without saying why.
 */
export function defineService(definition: ServiceDefinition): Service {
  const kinds = (definition.kinds ?? []).map((each) => each(definition.name));
  const userKinds = (definition.userKinds ?? []).map((each) => each(definition.name));
  assertOrder(definition.name, kinds);
  assertOrder(definition.name, userKinds);
  if ((kinds.length === 0) !== (definition.holdsNothing !== undefined))
    throw new TypeError(`${definition.name}: a service has kinds, or says why it holds nothing`);
  const both = kinds.flatMap((kind) => kind.awaitedBy).find((name) => definition.before?.includes(name));
  if (both) throw new TypeError(`${definition.name}: ${both} follows all of it, or one kind alone`);
  const names = (services: readonly string[] | undefined): ServiceName[] => (services ?? []).map((name) => ServiceName.parse(name));
  return {
    name: ServiceName.parse(definition.name),
    catalogTypes: definition.catalogTypes,
    alsoCovers: definition.alsoCovers ?? [],
    after: names(definition.after),
    follows: names(definition.follows),
    before: names(definition.before),
    last: definition.last ?? false,
    microversion: definition.microversion,
    scope: definition.scope ?? 'project',
    early: definition.early ?? kinds.some((kind) => kind.needsLife !== undefined),
    offByDefault: definition.offByDefault,
    holdsNothing: definition.holdsNothing,
    releases: definition.releases ?? [],
    concurrency: definition.concurrency ?? 8,
    kinds,
    userKinds,
  };
}

function assertOrder(service: string, kinds: readonly Pick<Kind, 'name' | 'after' | 'follows'>[]): void {
  const reached = new Set<KindName>();
  for (let open = [...kinds]; open.length > 0; ) {
    const ready = open.filter((kind) => [...kind.after, ...kind.follows].every((name) => reached.has(name)));
    if (ready.length === 0) throw new TypeError(`${service}: no order is possible among ${open.map((kind) => kind.name).join(', ')}`);
    for (const kind of ready) reached.add(kind.name);
    open = open.filter((kind) => !reached.has(kind.name));
  }
  if (reached.size !== kinds.length)
    throw new TypeError(`${service}: a kind stands twice among ${kinds.map((kind) => kind.name).join(', ')}`);
}
