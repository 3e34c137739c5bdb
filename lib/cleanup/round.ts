import pLimit from 'p-limit';
import type { KindName, ProjectId, UserId } from '../../events/ids.ts';
import type { Condition, Count, Phase } from '../../events/service.ts';
import { type Actor, type ErrorReport, reportOf } from '../errors.ts';
import { ownership } from './laws.ts';
import type { CommonReach, Kind, NeedsLife, Reach, Removal, ServiceApi, Thing, Together } from './service.ts';

type Named = Pick<Kind, 'name'>;

/** What one round over one kind saw and did. */
export interface KindRound {
  readonly kind: KindName;
  /** `undefined`: not listed, or the listing failed: nobody knows. */
  readonly count: Count | undefined;
  /** True only when a listing that could be trusted showed nothing of the project (law 4). */
  readonly provenEmpty: boolean;
  readonly conditions: readonly Condition[];
  /** The listing failed, or removals did. */
  readonly errors: readonly ErrorReport[];
  /** Set when nobody can see or remove it any more, for the project is dead (classes C and D): what that means. */
  readonly unreachable?: string;
}

export interface RoundInput<At extends CommonReach = Reach> {
  readonly service: string;
  readonly kinds: readonly Kind<At>[];
  readonly reach: At;
  /** Whose things: the project, or the user. */
  readonly owner: ProjectId | UserId;
  readonly phase: Phase;
  /** Kinds that were proven empty while the project lived. */
  readonly provenEarly: readonly KindName[];
  readonly concurrency: number;
  /** Epoch milliseconds: no removal is begun after it. */
  readonly deadline: number;
  readonly onKind: (round: KindRound) => void;
}

/**
 * One look at every kind and, in phase `clean`, one removal of each thing that may go.
 * A kind is touched only after those that it stands behind are gone, or, where it only follows them, had their turn;
 * kinds that are not ordered go at the same time.
 * Never throws: what goes wrong with one kind is in its own result and stops no other (law 9).
 */
export async function round<At extends CommonReach>(input: RoundInput<At>): Promise<KindRound[]> {
  const results = new Map<KindName, Promise<KindRound>>();
  const start = (kind: Kind<At>): Promise<KindRound> => {
    const known = results.get(kind.name);
    if (known) return known;
    const before = input.kinds.filter((other) => [...kind.after, ...kind.follows].includes(other.name)).map(start);
    const result = (async () => {
      const predecessors = input.phase === 'survey' ? [] : await Promise.all(before);
      const mustBeGone = predecessors.filter((done) => kind.after.includes(done.kind) && done.unreachable === undefined);
      const mustWait = mustBeGone.some((done) => !done.provenEmpty && (!done.count || done.count.left > 0));
      const done = await roundOfKind(kind, mustWait, input);
      input.onKind(done);
      return done;
    })();
    results.set(kind.name, result);
    return result;
  };
  return Promise.all(input.kinds.map(start));
}

async function roundOfKind<At extends CommonReach>(kind: Kind<At>, mustWait: boolean, input: RoundInput<At>): Promise<KindRound> {
  const token = kind.needsLife?.class === 'C' ? tokenOnProject(kind, input) : undefined;
  if (token && 'kind' in token) return token;
  const reach = token ? { ...input.reach, api: token } : input.reach;
  if (mustWait) {
    // Nothing of it can go now, so it costs no call; what was counted before still stands, and the cause is said by whom it waits for (law 12).
    return { kind: kind.name, count: undefined, provenEmpty: false, conditions: [], errors: [] };
  }
  let seen: Awaited<ReturnType<Kind<At>['look']>>;
  try {
    seen = await kind.look(reach);
  } catch (thrown) {
    return unlisted(kind, reportOf(thrown, { code: `${kind.name}.list`, service: input.service, region: reach.region }));
  }
  const { ours, conditions } = sortByOwner(kind, seen.things, input.owner);
  const listed = Math.max(seen.total ?? 0, ours.length + conditions.ownerless.length);
  const all = [...conditions.foreign, ...conditions.ownerless];
  const nothing = { kind: kind.name, conditions: all, errors: [] };
  if (listed === 0 && !seen.more) return { ...nothing, count: { listed, gone: 0, left: 0 }, provenEmpty: true };
  if (input.phase === 'survey')
    return { ...nothing, conditions: [...all, ...blockers(kind, ours)], count: { listed, gone: 0, left: listed }, provenEmpty: false };
  if (kind.needsLife?.class === 'D' && input.phase === 'clean') {
    const left = { listed, gone: 0, left: listed };
    const said = outOfReach(kind, kind.needsLife, ours);
    return { ...said, conditions: [...all, ...said.conditions], count: left };
  }
  const removal = await removeAll(kind, ours, input);
  return {
    kind: kind.name,
    count: { listed, gone: removal.gone, left: listed - removal.gone },
    // Nothing is left but what no call to this release of the service removes: as good as empty, and said.
    provenEmpty: removal.stays > 0 && removal.stays === listed && !seen.more,
    conditions: [...all, ...removal.conditions],
    errors: removal.errors,
  };
}

/** The API with a token on the project, for a kind that nobody sees without it; or what is to be said in its place. */
function tokenOnProject<At extends CommonReach>(
  kind: Kind<At>,
  { phase, reach, provenEarly, service }: RoundInput<At>,
): ServiceApi | KindRound {
  if (phase === 'early' && reach.onProject) return reach.onProject;
  const unknown = { kind: kind.name, count: undefined, provenEmpty: false, conditions: [], errors: [] };
  // Counted when its turn comes: a look would need a role on the project, and a survey changes nothing.
  if (phase === 'survey') return unknown;
  if (provenEarly.includes(kind.name)) return { ...unknown, count: { listed: 0, gone: 0, left: 0 }, provenEmpty: true };
  if (phase === 'clean') return outOfReach(kind, kind.needsLife, []);
  const error = { code: `${kind.name}.token`, service, region: reach.region };
  return { ...unknown, errors: [reportOf(new TypeError('an early pass needs a token on the project'), error)] };
}

/** Classes C and D after the project's death: said, and never taken for empty. */
function outOfReach(kind: Named, needs: NeedsLife | undefined, things: readonly Thing[]): KindRound & { unreachable: string } {
  const leaves = needs?.leaves ?? 'what it held';
  const message =
    things.length > 0
      ? `the service removes it only while the project lives; left: ${leaves}`
      : `only a token on the project shows it, and there is none any more; probably left: ${leaves}`;
  const one = condition(kind.name, 'Unsupported', message, 'operator', things.at(0), Math.max(1, things.length));
  const conditions = [{ ...one, advice: needs?.advice }];
  return { kind: kind.name, count: undefined, provenEmpty: false, conditions, errors: [], unreachable: `${leaves} could not be reached` };
}

/**
 * Law 3: "cannot list" is never "empty". Only what the service file knows to be lacking (an extension, a release) holds nothing;
 * a bare 405 or 501 may come from a proxy and says nothing.
 */
function unlisted(kind: Named, error: ErrorReport): KindRound {
  const isLacking = error.class === 'Unsupported' && !error.code.includes('.http.');
  if (isLacking && error.code.endsWith('.hidden')) {
    // It is there, and this release shows it to nobody who could tell: as little empty as what only a dead project's token shows.
    const hidden = { ...condition(kind.name, 'Unsupported', error.message, 'operator', undefined, 1), advice: error.advice };
    return { kind: kind.name, count: undefined, provenEmpty: false, conditions: [hidden], errors: [], unreachable: error.message };
  }
  if (isLacking) {
    const skipped = condition(kind.name, 'Unsupported', `skipped: ${error.message}`, 'nobody', undefined, 1);
    return { kind: kind.name, count: { listed: 0, gone: 0, left: 0 }, provenEmpty: true, conditions: [skipped], errors: [] };
  }
  // A 404 on a collection is a wrong or missing endpoint, not an empty one.
  const isOdd = error.class === 'Gone' || error.class === 'Unsupported';
  const report: ErrorReport = isOdd ? { ...error, class: 'Unexpected' } : error;
  return { kind: kind.name, count: undefined, provenEmpty: false, conditions: [], errors: [report] };
}

function sortByOwner(kind: Named, things: readonly Thing[], owner: ProjectId | UserId) {
  const ours: Thing[] = [];
  const foreign: Condition[] = [];
  const ownerless: Condition[] = [];
  for (const thing of things) {
    const whose = ownership(thing, owner);
    if (whose === 'ours') ours.push(thing);
    else if (whose === 'foreign')
      foreign.push({
        ...condition(kind.name, 'Unexpected', 'the listing held rows of others; they were left alone', 'operator', thing, 1),
        advice: 'The API ignored the filter by project. Nothing foreign was touched; tell the vendor of this service.',
      });
    else
      ownerless.push({
        ...condition(kind.name, 'Blocked', 'a row names no owner; it is never touched', 'operator', thing, 1),
        advice: 'Find out whose it is and remove it by hand.',
      });
  }
  return { ours, conditions: { foreign, ownerless } };
}

const blockers = (kind: Named, things: readonly Thing[]): Condition[] =>
  things.flatMap((thing) => (thing.blocked ? [blockedCondition(kind, thing, thing.blocked)] : []));

async function removeAll<At extends CommonReach>(kind: Kind<At>, things: readonly Thing[], input: RoundInput<At>) {
  const limit = pLimit(input.concurrency);
  const conditions: Condition[] = [];
  const errors: ErrorReport[] = [];
  let gone = 0;
  let stays = 0;
  let refused = false;
  const failed = (thing: Thing, thrown: unknown): void => {
    const error = reportOf(thrown, { code: `${kind.name}.remove`, service: input.service, region: input.reach.region });
    if (error.class === 'Gone') gone += 1;
    else if (error.class === 'Blocked')
      conditions.push(blockedCondition(kind, thing, { message: error.message, actor: 'nobody', advice: error.advice }));
    else {
      errors.push(error);
      refused ||= error.class === 'Denied';
      const actor: Actor = error.class === 'Transient' ? 'nobody' : 'operator';
      conditions.push({
        ...condition(kind.name, error.class, error.message, actor, thing, 1),
        advice: error.advice,
        requestId: error.requestId,
      });
    }
  };
  const settle = (thing: Thing, removal: Removal): void => {
    if (removal.is === 'gone') gone += 1;
    else if (removal.is === 'stays') {
      stays += 1;
      const skipped = condition(kind.name, 'Unsupported', `skipped: ${removal.message}`, 'operator', thing, 1);
      conditions.push({ ...skipped, advice: removal.advice });
    } else conditions.push(conditionOf(kind, thing, removal));
  };
  // After a first 401 or 403 the rest would be refused, too: no storm (class Denied).
  const stopped = (): boolean => refused || input.reach.now() >= input.deadline;
  const one = async (thing: Thing): Promise<void> => {
    if (stopped()) return;
    try {
      settle(thing, await thing.remove());
    } catch (thrown) {
      failed(thing, thrown);
    }
  };
  const many = async (some: readonly Thing[], together: Together<Thing, At>): Promise<void> => {
    if (stopped()) return;
    try {
      const answers = await together.remove(some, input.reach);
      for (const [index, thing] of some.entries()) {
        const answer = answers[index] ?? new TypeError(`${kind.name}: no answer for one of ${some.length} things`);
        if (answer instanceof Error) failed(thing, answer);
        else settle(thing, answer);
      }
    } catch (thrown) {
      for (const thing of some) failed(thing, thrown);
    }
  };
  conditions.push(...blockers(kind, things));
  const free = things.filter((thing) => !thing.blocked);
  const { together } = kind;
  if (together) await Promise.all(chunks(free, together.most).map((some) => limit(many, some, together)));
  else await Promise.all(free.map((thing) => limit(one, thing)));
  return { gone, stays, conditions, errors };
}

function chunks<Item>(items: readonly Item[], most: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / most) }, (_, index) => items.slice(index * most, (index + 1) * most));
}

function conditionOf(kind: Named, thing: Thing, removal: Extract<Removal, { is: 'accepted' | 'blocked' }>): Condition {
  if (removal.is === 'blocked') return blockedCondition(kind, thing, removal);
  if (removal.stuckSince === undefined)
    return condition(kind.name, 'InProgress', 'deletion was asked for and is under way', 'nobody', thing, 1);
  return {
    ...condition(kind.name, 'InProgress', 'its deletion was accepted long ago and does not end', 'operator', thing, 1),
    advice: 'Look at the log of the service and of its back end for this id.',
    since: removal.stuckSince,
  };
}

const blockedCondition = (kind: Named, thing: Thing, by: NonNullable<Thing['blocked']>): Condition => ({
  ...condition(kind.name, 'Blocked', by.message, by.actor, thing, 1),
  advice: by.advice,
});

function condition(
  kind: KindName,
  errorClass: Condition['class'],
  message: string,
  actor: Actor,
  thing: Thing | undefined,
  count: number,
): Condition {
  return { class: errorClass, kind, message, actor, count, example: thing?.id };
}
