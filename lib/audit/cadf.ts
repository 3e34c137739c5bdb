import type { AuditRecorded } from '../../events/audit.ts';
import type { AuditCaller, AuditEntry } from './entry.ts';

const OBSERVER = { id: 'keystone-propagator', typeURI: 'service/security/account' };
const INITIATOR_TYPES: Readonly<Record<AuditCaller['kind'], string>> = {
  token: 'service/security/account/user',
  aws: 'service/security/account/user',
  keystone: 'service/security/account/user',
  process: 'service/security/account',
};
/**
 * The maximum length of `before` and of `after` in an event, in characters of JSON. EventBridge
 * accepts events of at most 1 MiB.
 */
const MAX_STATE_LENGTH = 200_000;
const JSON_TYPE = 'mime:application/json';

/**
 * Returns the event that announces an entry of the audit log. If `before` or `after` is longer than
 * {@link MAX_STATE_LENGTH}, the event omits this state, and only the log contains it.
 */
export function auditEvent(entry: AuditEntry): AuditRecorded {
  const { by, from, target, reason, sequence, previous, hash, requestId } = entry;
  const stateAttachments = (['before', 'after'] as const).flatMap((name) => {
    const content = entry[name];
    return content === undefined || JSON.stringify(content).length > MAX_STATE_LENGTH
      ? []
      : [{ name, typeURI: JSON_TYPE, content }];
  });
  return {
    type: 'audit.recorded',
    data: {
      typeURI: 'http://schemas.dmtf.org/cloud/audit/1.0/event',
      id: entry.id,
      eventType: 'activity',
      eventTime: new Date(entry.at).toISOString(),
      action: `update/${entry.what}`,
      outcome: 'success',
      initiator: {
        id: by.id ?? by.name,
        typeURI: INITIATOR_TYPES[by.kind],
        name: by.name,
        ...(from === undefined ? {} : { host: { address: from } }),
      },
      target: {
        id: target.id,
        typeURI: `data/${target.type}`,
        ...(target.name === undefined ? {} : { name: target.name }),
      },
      observer: OBSERVER,
      ...(reason === undefined ? {} : { reason: { reasonType: 'comment', reasonCode: reason } }),
      ...(requestId === undefined ? {} : { tags: [`request:${requestId}`] }),
      attachments: [
        ...stateAttachments,
        { name: 'audit-log', typeURI: JSON_TYPE, content: { sequence, previous, hash } },
      ],
    },
  };
}
