import type { KindName, ProjectId, UserId } from '../../events/ids.ts';
import type { Condition, Count, Counts, Phase } from '../../events/service.ts';
import type { ErrorReport } from '../errors.ts';
import { aggregate } from './conditions.ts';
import { type Confirmation, refuseOwnProject } from './laws.ts';
import { type KindRound, round } from './round.ts';
import type { CommonReach, Kind, Reach, Service, UserReach } from './service.ts';

/** What one pass says of its task. */
export type Outcome =
  /** Phases `early` and `clean`: a listing came back empty after everything was removed. Phase `survey`: all was counted. */
  | { readonly is: 'finished' }
  /** Something is still there or could not be seen; look again after at least so many seconds. */
  | { readonly is: 'again'; readonly afterSeconds: number; readonly error: ErrorReport | undefined }
  /** All that can be seen is empty, and the rest can't be seen or removed any more. */
  | { readonly is: 'unreachable'; readonly because: string }
  /** Waiting does not help: a person must act, or the code is wrong. */
  | { readonly is: 'failed'; readonly error: ErrorReport };

export interface PassReport {
  readonly counts: Counts;
  readonly conditions: readonly Condition[];
  readonly outcome: Outcome;
  /** Kinds that other services wait for alone, and that the last listing of each proved to be empty (law 4). */
  readonly provenEmpty: readonly KindName[];
}

interface Common {
  readonly service: Service;
  readonly phase: Phase;
  /** Law 1. Without it a pass may only survey. */
  readonly confirmation: Confirmation | undefined;
  /** Kinds that the look before this pass showed to be empty: left aside until the rest is empty, too, and then looked at once more. */
  readonly seenEmpty?: readonly KindName[];
  /** Kinds that were proven empty while the project lived. */
  readonly provenEarly?: readonly KindName[];
  /** Removals at the same time; default: the service's own. */
  readonly concurrency?: number;
  /** Epoch milliseconds: begin nothing after it, say `again`. */
  readonly deadline: number;
  /** Told after each kind. */
  readonly onCounts?: (counts: Counts) => void;
}
export interface PassInput extends Common {
  readonly reach: Reach;
}
export interface UserPassInput extends Common {
  readonly reach: UserReach;
}

/** Two rounds are all that a pass needs when everything goes: one that removes, one that looks again. */
const MOST_ROUNDS = 6;

/**
 * One pass of one service over one project: list, check the owner row by row, remove with bounded concurrency, look again.
 * Never throws for what an API does; every failure is in the outcome. Safe to repeat at any point.
 */
export async function cleanupPass(input: PassInput): Promise<PassReport> {
  refuseOwnProject(input.reach.project, input.reach.api.ownProject, input.service.name);
  return passOver(input, input.service.kinds, input.reach.project, input.reach);
}

/** The same over what belongs to a deleted user, by the same laws. */
export async function userPass(input: UserPassInput): Promise<PassReport> {
  return passOver(input, input.service.userKinds, input.reach.user, input.reach);
}

async function passOver<At extends CommonReach>(
  input: Common,
  all: readonly Kind<At>[],
  owner: ProjectId | UserId,
  reach: At,
): Promise<PassReport> {
  const { service } = input;
  if (input.phase !== 'survey' && input.confirmation?.account !== owner)
    throw new TypeError(`${service.name}: nothing is removed without a confirmation for exactly this account`);

  const counts = new Map<string, Count>();
  const awaited = all.filter(({ awaitedBy }) => awaitedBy.length > 0);
  const proven = new Map<KindName, boolean>();
  const holding = all.filter((kind) => !input.seenEmpty?.includes(kind.name));
  let looked = holding.length > 0 && holding.length < all.length ? holding : all;
  for (let rounds = 1; ; rounds += 1) {
    const kinds = await round({
      service: service.name,
      kinds: looked,
      owner,
      reach: rounds === 1 ? reach : { ...reach, once: freshOnce() },
      phase: input.phase,
      provenEarly: input.provenEarly ?? [],
      concurrency: input.concurrency ?? service.concurrency,
      deadline: input.deadline,
      onKind: (done) => {
        if (!done.count) return;
        counts.set(done.kind, add(counts.get(done.kind), done.count));
        input.onCounts?.(Object.fromEntries(counts));
      },
    });
    for (const { kind, provenEmpty } of kinds) proven.set(kind, provenEmpty);
    const report = (outcome: Outcome): PassReport => ({
      provenEmpty: awaited.flatMap(({ name }) => (proven.get(name) ? [name] : [])),
      counts: Object.fromEntries(counts),
      conditions: aggregate(kinds.flatMap((kind) => kind.conditions)),
      outcome,
    });
    const error = worst(kinds);
    if (error && error.class !== 'Transient') return report({ is: 'failed', error });
    if (input.phase === 'survey')
      return report(error ? { is: 'again', afterSeconds: error.retryAfterSeconds ?? 0, error } : { is: 'finished' });
    if (error) return report({ is: 'again', afterSeconds: error.retryAfterSeconds ?? 0, error });
    // Only a listing of every kind proves it (law 4).
    if (looked === all && kinds.every((kind) => kind.provenEmpty || kind.unreachable !== undefined)) {
      const beyond = [...new Set(kinds.flatMap((kind) => kind.unreachable ?? []))];
      return report(beyond.length > 0 ? { is: 'unreachable', because: beyond.join('; ') } : { is: 'finished' });
    }
    const removed = kinds.reduce((sum, kind) => sum + (kind.count?.gone ?? 0), 0);
    const isEmpty = kinds.every((kind) => kind.provenEmpty || kind.unreachable !== undefined || kind.count?.left === 0);
    // By the API's own word something has gone, or all of it: look again at once.
    if ((removed === 0 && !isEmpty) || reach.now() >= input.deadline || rounds >= MOST_ROUNDS)
      return report({ is: 'again', afterSeconds: 0, error: undefined });
    if (isEmpty) looked = all;
  }
}

/** Rounds of one pass add up: listed anew minus what the last one left, gone in all, left now. */
function add(before: Count | undefined, now: Count): Count {
  if (!before) return now;
  return { listed: before.listed + Math.max(0, now.listed - before.left), gone: before.gone + now.gone, left: now.left };
}

/** `Denied` before `Unexpected` before `Transient`; of equals the one that asks to wait longest. */
function worst(kinds: readonly KindRound[]): ErrorReport | undefined {
  const rank = (error: ErrorReport): number => (error.class === 'Denied' ? 2 : error.class === 'Transient' ? 0 : 1);
  return kinds
    .flatMap((kind) => kind.errors)
    .sort((a, b) => rank(b) - rank(a) || (b.retryAfterSeconds ?? 0) - (a.retryAfterSeconds ?? 0))
    .at(0);
}

/** Answers that one round shares must not be older than the round. */
export function freshOnce(): Reach['once'] {
  const asked = new Map<string, Promise<unknown>>();
  return <T>(key: string, ask: () => Promise<T>): Promise<T> => {
    const known = asked.get(key) as Promise<T> | undefined;
    if (known) return known;
    const answer = ask();
    asked.set(key, answer);
    return answer;
  };
}
