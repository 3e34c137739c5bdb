import { randomUUID } from 'node:crypto';
import type { CloudClock } from './clock.ts';
import { hex } from './resource-store.ts';
import type { Token } from './tokens.ts';

/**
 * The body of a message as Keystone publishes it to exchange `keystone`, key `notifications.info`:
 * oslo.messaging's envelope 2.0.
 */
export interface Notification {
  readonly 'oslo.version': '2.0';
  /** The message as JSON text within the JSON. */
  readonly 'oslo.message': string;
}

/** The message also contains `eventType`: `identity.project.deleted`. */
export type NotificationListener = (notification: Notification, eventType: string) => void;

/** The initiator. It is absent if Keystone itself is the initiator. */
export interface Initiator {
  readonly token: Token;
  readonly userName: string;
  readonly requestId: string;
  readonly agent: string;
}

/** The content of a notification of a role assignment. The id of its target has no meaning. */
export interface RoleAssignment {
  readonly project?: string;
  readonly domain?: string;
  readonly user?: string;
  readonly group?: string;
  readonly inherited_to_projects: false;
  readonly role: string;
}

/**
 * CADF's `target.typeURI` by resource, from keystone/notifications.py. A resource without an entry
 * is `unknown`.
 */
const typeUris: Record<string, string> = {
  project: 'data/security/project',
  domain: 'data/security/domain',
  user: 'data/security/account/user',
  group: 'data/security/group',
  role: 'data/security/role',
  application_credential: 'data/security/credential',
  'OS-TRUST:trust': 'data/security/trust',
};

/**
 * One notification in the CADF format in an envelope 2.0, with the fields of the recorded
 * notifications. `eventType`: `identity.project.deleted`.
 */
export function notification(
  clock: CloudClock,
  eventType: string,
  about: string | RoleAssignment,
  initiator: Initiator | undefined,
): Notification {
  const [, resource = '', operation = ''] = eventType.split('.');
  const now = new Date(clock.now()).toISOString();
  const payload = {
    typeURI: 'http://schemas.dmtf.org/cloud/audit/1.0/event',
    eventType: 'activity',
    id: randomUUID(),
    eventTime: `${now.slice(0, 23)}000+0000`,
    action: `${operation}.${resource}`,
    outcome: 'success',
    observer: { id: observer, typeURI: 'service/security' },
    ...(initiator && { initiator: initiatorOf(initiator) }),
    ...(typeof about === 'string'
      ? { target: { id: about, typeURI: typeUris[resource] ?? 'unknown' }, resource_info: about }
      : { target: { id: randomUUID(), typeURI: 'service/security/account/user' }, ...about }),
  };
  const message = {
    message_id: randomUUID(),
    publisher_id: 'identity.rehearsal',
    event_type: eventType,
    priority: 'INFO',
    payload,
    timestamp: `${now.slice(0, 10)} ${now.slice(11, 23)}000`,
    _unique_id: hex(),
  };
  return { 'oslo.version': '2.0', 'oslo.message': JSON.stringify(message) };
}

const observer = hex();

const initiatorOf = ({ token, userName, requestId, agent }: Initiator) => ({
  id: token.userId,
  typeURI: 'service/security/account/user',
  host: { address: '127.0.0.1', agent },
  user_id: token.userId,
  ...(token.projectId !== undefined && { project_id: token.projectId }),
  ...(token.domainId !== undefined && { domain_id: token.domainId }),
  request_id: requestId,
  username: userName,
});
