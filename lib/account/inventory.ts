import type { Account } from '../../events/account.ts';
import type { UserId } from '../../events/ids.ts';

/** What is remembered of an account, so that a deleted id still has a name, a domain and members. */
export interface AccountRecord {
  readonly account: Account;
  /** Epoch milliseconds when Keystone last showed it. */
  readonly seenAt: number;
  /** Epoch milliseconds of the first notification that said it was deleted. */
  readonly deletedAt: number | undefined;
  /** Projects only: users who had a role on it, directly or by a group. Only ever grows. `undefined`: never asked. */
  readonly members: readonly UserId[] | undefined;
}

/** A notification that could not be read, kept for a person. */
export interface QuarantineRecord {
  readonly id: string;
  readonly reason: string;
  /** The bytes as they came, cut to the cap. */
  readonly body: string;
  readonly encoding: 'utf8' | 'base64';
  readonly bytes: number;
  readonly source: string;
  readonly receivedAt: number;
}
