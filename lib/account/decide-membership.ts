import type { UserId } from '../../events/ids.ts';
import type { NotificationBatch, NotificationResult } from './batch.ts';
import type { MembershipNotification } from './interpret.ts';
import { isGone } from './inventory.ts';
import type { InventoryUpdate } from './inventory-update.ts';
import type { CheckedAnswer, KeystoneAnswers } from './keystone-answers.ts';
import { keyOf, mergeMembers, updatedRecord } from './merge.ts';

/**
 * Decides about a notification that shows a role: the users are recorded as members of each project
 * to which the role applies. A repeated notification has no effect, so no duplicate key is stored.
 */
export function decideMembership(
  update: InventoryUpdate,
  { assignee, inherited, target }: MembershipNotification,
  batch: NotificationBatch,
): NotificationResult {
  const users = assignedUsers(assignee, batch.answers);
  if (users.kind === 'uncertain') return { kind: 'delayed', error: users.error };
  if (target.type === 'project' && !inherited) {
    const result = recordProjectIfUnknown(update, target.id, batch);
    if (result) return result;
  }
  const records = inherited
    ? update.projectsBelow(target.type, target.id)
    : [update.recordOf(target.type, target.id)];
  for (const record of records) {
    const members = mergeMembers(record.members, users.value);
    if (members !== record.members) update.put({ ...record, members });
  }
  return { kind: 'recorded' };
}

/** Returns the users who get the role: the user, or the users of the group. */
function assignedUsers(
  assignee: MembershipNotification['assignee'],
  { groups }: KeystoneAnswers,
): CheckedAnswer<readonly UserId[]> {
  if (assignee.type === 'user') return { kind: 'certain', value: [assignee.id] };
  return groups.get(assignee.id) ?? { kind: 'certain', value: [] };
}

/**
 * If the inventory lacks the project, or has it as deleted, the function records the project as
 * Keystone shows it. Returns `undefined` if the members can now be recorded. Otherwise returns the
 * result of the notification.
 */
function recordProjectIfUnknown(
  update: InventoryUpdate,
  id: string,
  { answers, askedAt }: NotificationBatch,
): NotificationResult | undefined {
  const record = update.recordOf('project', id);
  const isUnknown = record.seenAt === 0;
  if (!isUnknown && !isGone(record)) return undefined;
  const answer = answers.accounts.get(keyOf('project', id));
  if (answer?.kind === 'uncertain') return { kind: 'delayed', error: answer.error };
  const state = answer?.value.state;
  if (state?.kind !== 'present' || state.account.type !== 'project')
    return isUnknown ? { kind: 'absent' } : undefined;
  // `enabled` is not stored, because the notification about the state may still wait in the broker.
  const { enabled: _notAnnounced, ...account } = state.account;
  const newRecord = updatedRecord(
    isUnknown ? undefined : record,
    account,
    askedAt,
    answer?.value.members,
  );
  update.put(isUnknown ? { ...newRecord, unannounced: true } : newRecord);
  return undefined;
}
