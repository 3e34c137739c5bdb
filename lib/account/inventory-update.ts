import type { Account, AccountEvent, Cause, Change } from '../../events/account.ts';
import { DomainId, ProjectId, UserId } from '../../events/ids.ts';
import { type AccountRecord, isGone, type QuarantineRecord } from './inventory.ts';
import { keyOf, keyOfAccount } from './merge.ts';
import type { Delayed } from './quarantine.ts';

/** The changes that a batch stores in one commit. */
export interface Decision {
  readonly seen: readonly string[];
  readonly accounts: readonly AccountRecord[];
  readonly quarantine: readonly QuarantineRecord[];
  readonly messages: readonly (AccountEvent | Delayed)[];
  readonly counters: Readonly<Record<string, number>>;
}

/**
 * Collects the changes of a batch. The decision about a notification uses the changes of the
 * earlier notifications of the batch.
 */
export class InventoryUpdate {
  readonly quarantine: QuarantineRecord[] = [];
  readonly messages: (AccountEvent | Delayed)[] = [];
  readonly #records: Map<string, AccountRecord>;
  readonly #changed = new Set<string>();
  readonly #seenBefore: ReadonlySet<string>;
  readonly #seen = new Set<string>();
  readonly #counters = new Map<string, number>();

  constructor(known: ReadonlyMap<string, AccountRecord>, seenBefore: ReadonlySet<string>) {
    this.#records = new Map(known);
    this.#seenBefore = seenBefore;
  }

  get records(): ReadonlyMap<string, AccountRecord> {
    return this.#records;
  }

  has(type: Account['type'], id: string): boolean {
    return this.#records.has(keyOf(type, id));
  }

  /** Returns the stored record, or a record with the id alone. */
  record(type: Account['type'], id: string): AccountRecord {
    return (
      this.#records.get(keyOf(type, id)) ?? {
        account: bare(type, id),
        seenAt: 0,
        deletedAt: undefined,
        members: undefined,
      }
    );
  }

  /** Returns the existing projects in a domain or below a project. */
  below(type: 'project' | 'domain', id: string): AccountRecord[] {
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
      const above = this.#records.get(keyOf('project', parent))?.account;
      parent = above?.type === 'project' ? above.parentId : undefined;
    }
    return false;
  }

  put(record: AccountRecord): void {
    const key = keyOfAccount(record.account);
    this.#records.set(key, record);
    this.#changed.add(key);
  }

  wasSeen(key: string): boolean {
    return this.#seenBefore.has(key) || this.#seen.has(key);
  }

  see(key: string): void {
    this.#seen.add(key);
  }

  count(name: string): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + 1);
  }

  announce(account: Account, change: Change, cause: Cause): void {
    const type = `account.${account.type}.${change}` as const;
    this.messages.push({ type, data: { account, cause } });
    this.count(type);
  }

  decision(): Decision {
    return {
      seen: [...this.#seen],
      accounts: [...this.#changed].flatMap((key) => this.#records.get(key) ?? []),
      quarantine: this.quarantine,
      messages: this.messages,
      counters: Object.fromEntries(this.#counters),
    };
  }
}

function bare(type: Account['type'], id: string): Account {
  if (type === 'project') return { type, id: ProjectId.parse(id) };
  if (type === 'domain') return { type, id: DomainId.parse(id) };
  return { type, id: UserId.parse(id) };
}
