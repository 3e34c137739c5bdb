import type { OperationId, UserId } from '../../events/ids.ts';
import type { ErrorReport } from '../errors.ts';
import { advance, holdForResidue, isConfirmed, lives } from './advance.ts';
import type { Draft, Rules } from './draft.ts';
import type { Operation, PlannedTask, Task, Uncovered } from './model.ts';
import { refuse } from './open.ts';
import { type PlacedService, planOrder } from './order.ts';
import { isEnded } from './ready.ts';
import { moveOperation } from './transitions.ts';

/** What Keystone answered when it was asked for the account (law 1). `unknown`: it did not answer, or not for certain. */
export type Truth =
  | { readonly is: 'absent'; readonly cloud: CloudNow }
  /** `alive`: asked for when an administrator wants the end of it. */
  | {
      readonly is: 'present';
      readonly enabled: boolean;
      readonly alive?: CloudNow & { readonly roles: readonly string[]; readonly members: readonly UserId[] };
    }
  /** It is gone, and must be left alone all the same (law 7). */
  | { readonly is: 'protected'; readonly because: string }
  | { readonly is: 'unknown'; readonly error: ErrorReport };

/** What this cloud has at the time. */
export interface CloudNow {
  readonly services: readonly PlacedService[];
  readonly uncovered: readonly Uncovered[];
}

const LONGEST_WAIT_SECONDS = 60;
/**
 * A read right after a deletion may be old, from a lagging replica of the database or a cache within one worker of Keystone:
 * only what is shown for so long is taken for alive.
 */
const SHOWN_FOR_MILLIS = 60_000;

/** Whether Keystone's answer number `look` is still of interest. */
export const wantsLook = (operation: Operation, look: number): boolean =>
  operation.look === look && (operation.state === 'confirming' || mayBeDeleted(operation));

/** Somebody may have deleted the project whose end is under way: Keystone said so, or something is out of reach and that would settle it. */
const mayBeDeleted = (operation: Operation): boolean =>
  lives(operation) && (operation.state === 'early' || operation.state === 'running' || isHeldForResidue(operation));
const isHeldForResidue = ({ state, hold }: Operation): boolean => state === 'held' && hold?.about === 'residue';

/** Takes in Keystone's answer number `look`. An answer to an old question is left aside. */
export function takeLook(draft: Draft, look: number, truth: Truth, rules: Rules): void {
  const { operation } = draft;
  if (!wantsLook(operation, look)) return;
  if (operation.state !== 'confirming') {
    takeLaterLook(draft, truth, rules);
    return;
  }
  switch (truth.is) {
    case 'absent':
      takeAbsent(draft, truth.cloud, rules);
      break;
    case 'present':
      if (operation.request && truth.alive) takeAlive(draft, truth.enabled, truth.alive, rules);
      else takePresent(draft, `Keystone still shows it (${truth.enabled ? 'enabled' : 'disabled'})`, rules);
      break;
    case 'protected':
      draft.operation = refuse(operation, `protected: ${truth.because}`, rules.now);
      break;
    case 'unknown':
      takeUnknown(draft, truth.error, rules);
      break;
  }
}

/** Deleted by somebody else, it goes on and ends as after any deletion; else, where all is done that can be done, a person decides. */
function takeLaterLook(draft: Draft, truth: Truth, rules: Rules): void {
  const { state, order } = draft.operation;
  const isDone = order.every(({ id }) => isEnded(draft.task(id)));
  if (truth.is === 'unknown' && isDone && state === 'running') {
    takeUnknown(draft, truth.error, rules);
    return;
  }
  draft.operation = { ...draft.operation, look: draft.operation.look + 1 };
  // A protection that was set meanwhile is told before each pass.
  const isGone = truth.is === 'absent' || truth.is === 'protected';
  if (isGone && state !== 'running') draft.operation = { ...moveOperation(draft.operation, 'running'), hold: undefined };
  if (isGone && isDone) draft.operation = { ...draft.operation, hold: undefined, confirmedAt: [rules.now] };
  if (truth.is === 'present' && isDone && state === 'running') {
    draft.operation = { ...draft.operation, hold: undefined };
    holdForResidue(draft, rules);
  }
  advance(draft, rules);
}

/** What an administrator asked for: it is there, as he said. */
function takeAlive(draft: Draft, enabled: boolean, alive: NonNullable<Extract<Truth, { is: 'present' }>['alive']>, rules: Rules): void {
  const { operation } = draft;
  if (!operation.request || operation.scope.type !== 'project') return;
  if (enabled && !operation.request.enabled) {
    draft.operation = refuse(
      operation,
      'the project was disabled when its cleanup was asked for, and Keystone shows it enabled now',
      rules.now,
    );
    return;
  }
  draft.operation = {
    ...operation,
    hold: undefined,
    // The question is answered. A 404 before it was no true one.
    look: operation.look + 1,
    confirmedAt: [],
    scope: { ...operation.scope, members: alive.members },
    request: { ...operation.request, enabled },
    roles: alive.roles,
  };
  if (draft.tasks.length === 0) survey(draft, alive, rules);
  advance(draft, rules);
}

function takeAbsent(draft: Draft, cloud: CloudNow, rules: Rules): void {
  const { operation } = draft;
  const first = operation.confirmedAt.at(0);
  draft.operation = { ...operation, hold: undefined, confirmedAt: first === undefined ? [rules.now] : [first, rules.now] };
  if (operation.scope.type !== 'domain' && draft.tasks.length === 0) survey(draft, cloud, rules);
  if (isConfirmed(draft.operation, rules)) {
    if (operation.scope.type !== 'domain') advance(draft, rules);
    return;
  }
  const due = Math.max(operation.notBefore, (first ?? rules.now) + rules.apartMillis);
  askAgain(draft, Math.max(0.05, (due - rules.now) / 1000));
}

function takeUnknown(draft: Draft, error: ErrorReport, rules: Rules): void {
  const { operation } = draft;
  const since = operation.hold?.since ?? rules.now;
  draft.operation = { ...operation, hold: { reason: `Keystone gave no certain answer: ${error.message}`, since, advice: error.advice } };
  askAgain(draft, Math.min(LONGEST_WAIT_SECONDS, Math.max(1, (rules.now - since) / 1000)));
}

function takePresent(draft: Draft, reason: string, rules: Rules): void {
  const { operation } = draft;
  const since = operation.hold?.reason === reason ? operation.hold.since : rules.now;
  if (rules.now - since >= SHOWN_FOR_MILLIS) {
    draft.operation = refuse(operation, reason, rules.now);
    return;
  }
  // An answer of 404 that is taken back never was one.
  const advice = 'It may be a stale read, or a forged notification; nothing is touched. Keystone is asked again for a minute.';
  draft.operation = { ...operation, confirmedAt: [], hold: { reason, since, advice } };
  askAgain(draft, Math.min(20, Math.max(rules.apartMillis, rules.now - since) / 1000));
}

function askAgain(draft: Draft, delaySeconds: number): void {
  const look = draft.operation.look + 1;
  draft.operation = { ...draft.operation, look };
  draft.messages.push({ type: 'operation.look', data: { operationId: draft.operation.id, look }, delaySeconds });
}

/** Saves the order and lets every service count, while the grace period passes. */
function survey(draft: Draft, { services, uncovered }: CloudNow, rules: Rules): void {
  const order = planOrder(draft.operation.id, services);
  draft.operation = { ...draft.operation, order, uncovered };
  for (const planned of order) {
    const service = services.find(({ name }) => name === planned.service);
    const lacks = service?.regions.includes(planned.region) ? undefined : `the catalog of this cloud has no ${planned.service}`;
    const task = firstTask(planned, draft.operation.id, lacks ?? service?.skipped, rules.now);
    draft.put(task);
    if (task.state === 'surveying') draft.messages.push(draft.request(task));
  }
}

const firstTask = (planned: PlannedTask, operationId: OperationId, skipped: string | undefined, now: number): Task => ({
  id: planned.id,
  operationId,
  service: planned.service,
  region: planned.region,
  state: skipped === undefined ? 'surveying' : 'skipped',
  phase: 'survey',
  early: planned.early && skipped === undefined ? 'due' : 'no',
  provenEarly: [],
  cleared: [],
  ahead: [],
  pass: 1,
  sequence: 0,
  counts: {},
  baseline: {},
  conditions: [],
  error: undefined,
  attempts: 0,
  progressAt: now,
  because: skipped,
  nextAt: skipped === undefined ? now : undefined,
  startedAt: undefined,
  endedAt: skipped === undefined ? undefined : now,
  version: 0,
});
