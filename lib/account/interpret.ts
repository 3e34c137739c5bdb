import type { Cause } from '../../events/account.ts';
import { DomainId, ProjectId, UserId } from '../../events/ids.ts';
import type { Notification } from './notification.ts';

type Operation = 'created' | 'updated' | 'deleted';

/** Something may have happened to an account: Keystone and the inventory are asked what. */
export type AccountHint = {
  readonly is: 'account';
  readonly operation: Operation;
  readonly cause: Cause;
} & (
  | { readonly type: 'project'; readonly id: ProjectId }
  | { readonly type: 'domain'; readonly id: DomainId }
  | { readonly type: 'user'; readonly id: UserId }
);
/**
 * Somebody got a role: recorded, for after a deletion nobody can say any more who had one.
 * `inherited`: not on the place itself but on the projects below it.
 */
export interface MembershipHint {
  readonly is: 'membership';
  readonly on:
    | { readonly type: 'project'; readonly id: ProjectId }
    | { readonly type: 'domain'; readonly id: DomainId };
  readonly inherited: boolean;
  /** Epoch milliseconds, as in a {@link Cause}. */
  readonly at: number;
  readonly who:
    | { readonly type: 'user'; readonly id: UserId }
    | { readonly type: 'group'; readonly id: string };
}
export type Hint = AccountHint | MembershipHint;
export type Interpretation =
  | Hint
  /** Understood, and nothing to do. `because` is the end of a counter's name, one of few. */
  | { readonly is: 'dropped'; readonly because: string }
  | { readonly is: 'unreadable'; readonly reason: string };

const ACCOUNTS = { project: ProjectId, domain: DomainId, user: UserId } as const;
const OPERATIONS: Readonly<Record<string, Operation>> = {
  created: 'created',
  updated: 'updated',
  deleted: 'deleted',
};

const crud = (...resources: string[]): string[] =>
  resources.flatMap((resource) =>
    ['created', 'updated', 'deleted'].map((operation) => `identity.${resource}.${operation}`),
  );
/**
 * The other event types that a Keystone sends, each counted under its own name; whatever else comes
 * in is counted under one, or a stranger on the bus could make counters without end. The literal
 * space in `project tag` is Keystone's.
 */
const NOT_OURS: ReadonlySet<string> = new Set([
  ...crud(
    'group',
    'role',
    'region',
    'service',
    'endpoint',
    'policy',
    'credential',
    'OS-TRUST:trust',
    'project tag',
  ),
  ...crud(
    'OS-OAUTH1:consumer',
    'OS-OAUTH1:access_token',
    'OS-OAUTH1:request_token',
    'application_credential',
    'access_rule',
  ),
  'identity.role_assignment.deleted',
  'identity.authenticate',
]);

/**
 * What a notification hints at. `receivedAt` (epoch milliseconds) stands in for a timestamp that
 * could not be read.
 */
export function interpret(notification: Notification, receivedAt: number): Interpretation {
  const { eventType } = notification;
  const [, resource = '', operation = ''] =
    /^identity\.(project|domain|user)\.(created|updated|deleted)$/.exec(eventType) ?? [];
  // CADF sends failed attempts, too. A basic payload has no outcome: it is sent only when something
  // happened.
  if (notification.outcome !== undefined && notification.outcome !== 'success')
    return dropped('outcome');
  if (resource === 'project' || resource === 'domain' || resource === 'user')
    return account(notification, resource, OPERATIONS[operation] ?? 'updated', receivedAt);
  if (eventType === 'identity.role_assignment.created')
    return roleAssigned(notification, receivedAt);
  // Sent by the user who makes it, with a token of the project that it is for. Basic payloads don't
  // say who that was.
  if (eventType === 'identity.application_credential.created')
    return credentialMade(notification, receivedAt);
  return dropped(NOT_OURS.has(eventType) ? eventType : 'unknown-event-type');
}

function account(
  notification: Notification,
  type: 'project' | 'domain' | 'user',
  operation: Operation,
  receivedAt: number,
): Interpretation {
  // Keystone reports a password change that its policy turned down as a successful update with a
  // reason.
  if (type === 'user' && operation === 'updated' && notification.hasReason)
    return dropped('rejected-password-change');
  const id = ACCOUNTS[type].safeParse(notification.resource);
  if (!id.success)
    return {
      is: 'unreadable',
      reason: `what ${notification.eventType} is about has no id of Keystone`,
    };
  const cause = causeOf(notification, receivedAt);
  if (type === 'project')
    return { is: 'account', type, id: ProjectId.parse(id.data), operation, cause };
  if (type === 'domain')
    return { is: 'account', type, id: DomainId.parse(id.data), operation, cause };
  return { is: 'account', type, id: UserId.parse(id.data), operation, cause };
}

function roleAssigned({ assignment, at }: Notification, receivedAt: number): Interpretation {
  const project = ProjectId.safeParse(assignment.project).data;
  const domain = DomainId.safeParse(assignment.domain).data;
  const user = UserId.safeParse(assignment.user).data;
  // A group's id has the same form as a user's.
  const group = UserId.safeParse(assignment.group).data;
  const who = user
    ? ({ type: 'user', id: user } as const)
    : group
      ? ({ type: 'group', id: group } as const)
      : undefined;
  const on = project
    ? ({ type: 'project', id: project } as const)
    : domain
      ? ({ type: 'domain', id: domain } as const)
      : undefined;
  if (!who || !on)
    return { is: 'unreadable', reason: 'a role assignment that does not say for whom or on what' };
  if (on.type === 'domain' && !assignment.inherited) return dropped('role-on-domain');
  return { is: 'membership', on, inherited: assignment.inherited, at: at ?? receivedAt, who };
}

function credentialMade(
  { initiator, eventType, at }: Notification,
  receivedAt: number,
): Interpretation {
  const user = UserId.safeParse(initiator?.userId).data;
  const project = ProjectId.safeParse(initiator?.projectId).data;
  if (!user || !project) return dropped(eventType);
  return {
    is: 'membership',
    on: { type: 'project', id: project },
    inherited: false,
    at: at ?? receivedAt,
    who: { type: 'user', id: user },
  };
}

function causeOf(
  { messageId, digest, eventType, at, requestId, initiator }: Notification,
  receivedAt: number,
): Cause {
  const by = initiator && {
    userId: initiator.userId,
    ...(initiator.name === undefined ? {} : { name: initiator.name }),
  };
  return {
    messageId,
    digest,
    eventType,
    at: at ?? receivedAt,
    ...(requestId === undefined ? {} : { requestId }),
    ...(by ? { initiator: by } : {}),
  };
}

const dropped = (because: string): Interpretation => ({ is: 'dropped', because });
