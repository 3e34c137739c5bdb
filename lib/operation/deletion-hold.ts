import { HOLD_TAG } from '../../events/hold.ts';
import type { ProjectId } from '../../events/ids.ts';
import type { Condition } from '../../events/service.ts';
import type { Scope } from './model.ts';

/**
 * The targets of a deletion hold: a project, a domain with its projects and users, or one resource.
 */
export const HOLD_TARGETS = ['project', 'domain', 'resource'] as const;
export type HoldTarget = (typeof HOLD_TARGETS)[number];

/**
 * A person's decision that an account or a resource must not be deleted. Operations that would
 * delete the account or resource wait until the hold ends. All times are epoch milliseconds.
 */
export interface DeletionHold {
  readonly target: HoldTarget;
  /** The id of the project or domain, or `nova.server/ID` for a resource. */
  readonly id: string;
  /**
   * The project of the resource, if the person named a project. The hold does not check the
   * project, because the person may be wrong.
   */
  readonly project?: ProjectId | undefined;
  readonly by: string;
  readonly reason: string;
  /** The number of a ticket or a case. */
  readonly ticket?: string | undefined;
  readonly at: number;
  /** The hold ends automatically at this time. */
  readonly until?: number | undefined;
}

/** True until the hold's own end time. */
export const isInForce = ({ until }: DeletionHold, now: number): boolean =>
  until === undefined || now < until;

/**
 * Returns the condition for the hold that keeps an account, or `undefined`. A hold of a domain also
 * keeps its projects and users. `tags`: the tags of the project in Keystone.
 */
export function holdOnAccount(
  scope: Scope,
  holds: readonly DeletionHold[],
  tags: readonly string[],
  now: number,
): Condition | undefined {
  const domainId = scope.type === 'domain' ? scope.id : scope.domainId;
  const found = holds.find(
    (hold) =>
      isInForce(hold, now) &&
      ((hold.target === scope.type && hold.id === scope.id) ||
        (hold.target === 'domain' && hold.id === domainId)),
  );
  if (found) return { class: 'Blocked', ...describeHold(found), count: 1 };
  if (!tags.includes(HOLD_TAG)) return undefined;
  return {
    class: 'Blocked',
    message: `the project has the tag ${HOLD_TAG} in Keystone, which keeps the project`,
    actor: 'operator',
    isHold: true,
    advice:
      `To continue: openstack project set --remove-tag ${HOLD_TAG} ${scope.id}. The deletion ` +
      'continues within a minute.',
    count: 1,
  };
}

/** Returns the reason and the advice of a hold, for a condition or for a resource. */
export function describeHold({ target, id, project, by, reason, ticket }: DeletionHold) {
  const ofProject = project === undefined ? '' : ` of project ${project}`;
  const details = [`by ${by}`, ...(ticket === undefined ? [] : [`ticket ${ticket}`])];
  return {
    message: `a hold keeps ${target} ${id}${ofProject} (${details.join(', ')}): ${reason}`,
    actor: 'operator' as const,
    isHold: true as const,
    advice:
      `To continue: propagator hold remove --${target} ${id}. The deletion continues within ` +
      'a minute.',
  };
}
