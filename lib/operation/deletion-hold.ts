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
 * A person's decision that a project, a domain or a resource must not be deleted. An operation that
 * would delete this target waits until the hold ends. All times are epoch milliseconds.
 */
export interface DeletionHold {
  readonly target: HoldTarget;
  /** The id of the project or domain, or `nova.server/ID` for a resource. */
  readonly id: string;
  /**
   * The project of the resource, if the person named it. Only for display: the hold applies to the
   * resource in any project, because the person may have named the wrong one.
   */
  readonly project?: ProjectId | undefined;
  readonly by: string;
  readonly reason: string;
  /** The number of the ticket that explains the hold. */
  readonly ticket?: string | undefined;
  /** When the person set the hold. */
  readonly at: number;
  /** The hold ends automatically at this time. */
  readonly until?: number | undefined;
}

/** True until the end time of the hold. A hold without an end time is always in force. */
export const isInForce = ({ until }: DeletionHold, now: number): boolean =>
  until === undefined || now < until;

/**
 * Returns the condition for the hold that keeps an account, or `undefined` if no hold keeps it. A
 * hold of a domain also keeps its projects and users. A tag of the project in Keystone can also be
 * a hold. `tags`: all tags of the project.
 */
export function holdOnAccount(
  scope: Scope,
  holds: readonly DeletionHold[],
  tags: readonly string[],
  now: number,
): Condition | undefined {
  const domainId = scope.type === 'domain' ? scope.id : scope.domainId;
  const applicableHold = holds.find(
    (hold) =>
      isInForce(hold, now) &&
      ((hold.target === scope.type && hold.id === scope.id) ||
        (hold.target === 'domain' && hold.id === domainId)),
  );
  if (applicableHold) return { class: 'Blocked', ...describeHold(applicableHold), count: 1 };
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

/**
 * Returns the message and the advice about a hold, in the fields that conditions and resources
 * share.
 */
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
