import type { NotificationReceived } from '../../events/notification.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { AccountNotification, Interpretation } from './interpret.ts';
import type { AccountRecord } from './inventory.ts';
import type { KeystoneAnswers } from './keystone-answers.ts';

/** A stored notification and its interpretation. */
export interface InterpretedNotification {
  readonly received: NotificationReceived;
  readonly interpretation: Interpretation;
}

/** The input of `decideBatch`. Times are epoch milliseconds. */
export interface NotificationBatch {
  readonly items: readonly InterpretedNotification[];
  /**
   * The inventory's record of every account that the items and the answers name, by type and id:
   * `<type>/<id>`.
   */
  readonly records: ReadonlyMap<string, AccountRecord>;
  /**
   * The result of {@link duplicateKeys}, reduced to the keys that are stored. A notification with
   * such a key was ingested in an earlier batch.
   */
  readonly storedDuplicateKeys: ReadonlySet<string>;
  readonly answers: KeystoneAnswers;
  /** The time at which Keystone was asked. */
  readonly askedAt: number;
  readonly now: number;
  /** The longest `Retry-After` of Keystone that the retry waits for. */
  readonly maxWaitMillis?: number | undefined;
}

/**
 * The result for one notification. `kind` is the last part of the name of the counter to increase.
 * `delayed`: the notification is retried later, because of the error.
 */
export type NotificationResult =
  | {
      readonly kind:
        | 'announced'
        | 'recorded'
        | 'duplicate'
        | 'domain-echo'
        | 'absent'
        | 'suspicious';
    }
  | { readonly kind: 'delayed'; readonly error: ErrorReport };

/**
 * Returns the key that the two notifications about one change of a domain have in common. Keystone
 * announces each change of a domain twice with one request id: for the domain, and for the project
 * with the same id. Returns `undefined` if the notification has no request id.
 */
export function domainEchoKey({ id, changeType, cause }: AccountNotification): string | undefined {
  return cause.requestId === undefined
    ? undefined
    : JSON.stringify(['domain-echo', changeType, id, cause.requestId]);
}

/**
 * Returns the key of a message: id and content. The id alone does not prove a repetition, because
 * the sender chooses it.
 */
export const messageKey = ({ cause }: AccountNotification): string =>
  JSON.stringify([cause.messageId, cause.digest]);

/** Returns the keys by which `decideBatch` recognizes a repeated notification. */
export function duplicateKeys(items: readonly InterpretedNotification[]): string[] {
  return items.flatMap(({ interpretation }) => {
    if (interpretation.kind !== 'account') return [];
    const echo = interpretation.type === 'user' ? undefined : domainEchoKey(interpretation);
    return echo === undefined ? [messageKey(interpretation)] : [messageKey(interpretation), echo];
  });
}
