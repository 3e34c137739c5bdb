import type { Account, AccountEvent, Cause, Change } from '../../events/account.ts';
import { DomainId, ProjectId, UserId } from '../../events/ids.ts';
import { type AccountRecord, isGone, type QuarantineRecord } from './inventory.ts';
import { keyOf, keyOfAccount } from './merge.ts';
import type { DelayedNotification } from './quarantine.ts';

/** The changes that a batch stores in one commit. */
export interface BatchDecision {
  /** The keys by which a repeated notification is recognized. */
  readonly seen: readonly string[];
  readonly accounts: readonly AccountRecord[];
  readonly quarantine: readonly QuarantineRecord[];
  readonly messages: readonly (AccountEvent | DelayedNotification)[];
  readonly counters: Readonly<Record<string, number>>;
}

/**
 * Collects the changes of a batch. The decision about a notification uses the changes of the
 * earlier notifications of the batch.
 */
export class InventoryUpdate {
  readonly quarantine: QuarantineRecord[] = [];
  readonly messages: (AccountEvent | DelayedNotification)[] = [];
  readonly #records: Map<string, AccountRecord>;
  readonly #changedAccountKeys = new Set<string>();
  readonly #storedDuplicateKeys: ReadonlySet<string>;
  readonly #newDuplicateKeys = new Set<string>();
  readonly #counters = new Map<string, number>();

  constructor(
    records: ReadonlyMap<string, AccountRecord>,
    storedDuplicateKeys: ReadonlySet<string>,
  ) {
    this.#records = new Map(records);
    this.#storedDuplicateKeys = storedDuplicateKeys;
  }

  get records(): ReadonlyMap<string, AccountRecord> {
    return this.#records;
  }

  /** Returns the record of an account. The record of an unknown account has only type and id. */
  recordOf(type: Account['type'], id: string): AccountRecord {
    return (
      this.#records.get(keyOf(type, id)) ?? {
        account: accountWithIdOnly(type, id),
        seenAt: 0,
        deletedAt: undefined,
        members: undefined,
      }
    );
  }

  /** Returns the existing projects in a domain or below a project. */
  projectsBelow(type: 'project' | 'domain', id: string): AccountRecord[] {
    return [...this.#records.values()].filter(
      (record) => !isGone(record) && this.#isBelow(record, type, id),
    );
  }

  #isBelow({ account }: AccountRecord, type: 'project' | 'domain', id: string): boolean {
    if (account.type !== 'project') return false;
    if (type === 'domain') return account.domainId === id;
    // The limit protects against cycles in bad data. A real tree of projects has only a few levels.
    let parent = account.parentId;
    for (let level = 0; parent !== undefined && level < 20; level += 1) {
      if (parent === id) return true;
      const parentAccount = this.#records.get(keyOf('project', parent))?.account;
      parent = parentAccount?.type === 'project' ? parentAccount.parentId : undefined;
    }
    return false;
  }

  /** Replaces the record of an account. */
  put(record: AccountRecord): void {
    const key = keyOfAccount(record.account);
    this.#records.set(key, record);
    this.#changedAccountKeys.add(key);
  }

  /**
   * True if a notification with this key was ingested before, in this batch or in an earlier one.
   */
  hasDuplicateKey(key: string): boolean {
    return this.#storedDuplicateKeys.has(key) || this.#newDuplicateKeys.has(key);
  }

  addDuplicateKey(key: string): void {
    this.#newDuplicateKeys.add(key);
  }

  /** Increases the counter of this name by one. */
  increaseCounter(name: string): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + 1);
  }

  /** Adds the event that announces the change of an account. */
  announce(account: Account, change: Change, cause: Cause): void {
    const type = `account.${account.type}.${change}` as const;
    this.messages.push({ type, data: { account, cause } });
    this.increaseCounter(type);
  }

  decision(): BatchDecision {
    return {
      seen: [...this.#newDuplicateKeys],
      accounts: [...this.#changedAccountKeys].flatMap((key) => this.#records.get(key) ?? []),
      quarantine: this.quarantine,
      messages: this.messages,
      counters: Object.fromEntries(this.#counters),
    };
  }
}

function accountWithIdOnly(type: Account['type'], id: string): Account {
  if (type === 'project') return { type, id: ProjectId.parse(id) };
  if (type === 'domain') return { type, id: DomainId.parse(id) };
  return { type, id: UserId.parse(id) };
}
