import { foldId } from '../events/ids.ts';
import { type Message, queueOf } from '../events/index.ts';
import type { AccountRecord, QuarantineRecord } from '../lib/account/inventory.ts';
import { newestSuspicions } from '../lib/account/suspicion.ts';
import { decisionsOf, matches, readLetter, wordOf } from '../lib/engine/dead-letters.ts';
import type {
  Change,
  DeadLetter,
  DeadLetterFilter,
  Decided,
  Decision,
  Engine,
  Reads,
} from '../lib/engine/port.ts';
import type { Operation, Task, Waiver } from '../lib/operation/model.ts';
import type { StopDecision } from '../lib/operation/stop.ts';

export interface Waiting {
  readonly message: Message;
  readonly dueAt: number;
  readonly number: number;
}

/**
 * An engine in memory whose deliveries the test makes itself, in the order that it likes. Time is
 * the test's own.
 */
export class MemoryEngine implements Engine {
  time = 1_000_000_000;
  readonly waiting: Waiting[] = [];
  readonly operations = new Map<string, Operation>();
  readonly tasks = new Map<string, Task>();
  readonly accounts = new Map<string, AccountRecord>();
  readonly quarantined: QuarantineRecord[] = [];
  readonly waived = new Map<string, Waiver>();
  readonly stops: StopDecision[] = [];
  readonly seenIds = new Set<string>();
  readonly counters = new Map<string, number>();
  readonly letters: DeadLetter[] = [];
  readonly decided: Decision[] = [];
  #number = 0;

  async commit(change: Change): Promise<'committed' | 'conflict'> {
    if (change.seen?.some((id) => this.seenIds.has(id))) return 'conflict';
    if (
      change.operations?.some(
        (operation) => (this.operations.get(operation.id)?.version ?? 0) !== operation.version,
      )
    )
      return 'conflict';
    if (change.tasks?.some((task) => (this.tasks.get(task.id)?.version ?? 0) !== task.version))
      return 'conflict';
    for (const id of change.seen ?? []) this.seenIds.add(id);
    for (const operation of change.operations ?? [])
      this.operations.set(operation.id, { ...operation, version: operation.version + 1 });
    for (const task of change.tasks ?? [])
      this.tasks.set(task.id, { ...task, version: task.version + 1 });
    for (const record of change.accounts ?? [])
      this.accounts.set(`${record.account.type}/${record.account.id}`, record);
    for (const waiver of change.waivers ?? []) this.waived.set(waiver.type, waiver);
    for (const type of change.unwaived ?? []) this.waived.delete(type);
    if (change.stopDecision) this.stops.unshift(change.stopDecision);
    this.quarantined.push(...(change.quarantine ?? []));
    for (const [name, count] of Object.entries(change.counters ?? {}))
      this.counters.set(name, (this.counters.get(name) ?? 0) + count);
    for (const { delaySeconds, ...message } of change.messages ?? [])
      this.#put(message, this.time + (delaySeconds ?? 0) * 1000);
    for (const { message, error } of change.deadLetters ?? [])
      this.moveToDeadLetters(queueOf(message), message, { error });
    return 'committed';
  }

  /** A dead letter, whatever is in it. */
  moveToDeadLetters(
    queue: DeadLetter['queue'],
    body: unknown,
    { error, receiveCount, expiresAt }: Partial<DeadLetter> = {},
  ): void {
    this.letters.push(
      readLetter({
        id: String(++this.#number),
        queue,
        body,
        error,
        receiveCount,
        expiresAt,
        at: this.time,
      }),
    );
  }

  #put(message: Message, dueAt: number): void {
    this.waiting.push({ message: structuredClone(message), dueAt, number: ++this.#number });
  }

  /** Messages that may be delivered now; when none is due the clock moves to the next. */
  due(): Waiting[] {
    const next = Math.min(...this.waiting.map((waiting) => waiting.dueAt));
    if (Number.isFinite(next)) this.time = Math.max(this.time, next);
    return this.waiting.filter((waiting) => waiting.dueAt <= this.time);
  }

  take(waiting: Waiting): void {
    const index = this.waiting.indexOf(waiting);
    if (index >= 0) this.waiting.splice(index, 1);
  }

  readonly reads: Reads = {
    operation: async (id) => this.operations.get(id),
    operationsAbout: async (type, id) =>
      [...this.operations.values()]
        .filter(({ scope }) => scope.type === type && scope.id === id)
        .sort((a, b) => b.generation - a.generation),
    operations: async (filter) =>
      [...this.operations.values()].filter(
        (operation) =>
          (!filter.state || operation.state === filter.state) &&
          (!filter.parentId || operation.parentId === filter.parentId) &&
          (!filter.projectId || operation.scope.id === filter.projectId) &&
          (!filter.userId || operation.scope.id === filter.userId),
      ),
    tasks: async (id) => [...this.tasks.values()].filter((task) => task.operationId === id),
    task: async (id) => this.tasks.get(id),
    startedSince: async (at, type) =>
      [...this.operations.values()].filter(
        ({ startedAt, scope, cause }) =>
          scope.type === type && startedAt !== undefined && startedAt >= at && !cause.suspicious,
      ).length,
    account: async (type, id) => this.accounts.get(`${type}/${id}`),
    accounts: async (type, ids) =>
      [...this.accounts.values()].filter(
        ({ account }) => account.type === type && (!ids || ids.includes(account.id)),
      ),
    suspicions: async (limit) => newestSuspicions([...this.accounts.values()], limit),
    accountsAlike: async (type, folded) =>
      [...this.accounts.values()].filter(
        ({ account }) => account.type === type && foldId(account.id) === folded,
      ),
    accountsAfter: async (type, after, limit) =>
      [...this.accounts.values()]
        .filter(
          ({ account }) => account.type === type && (after === undefined || account.id > after),
        )
        .toSorted((one, other) => (one.account.id < other.account.id ? -1 : 1))
        .slice(0, limit),
    projectsOf: async (domainId) =>
      [...this.accounts.values()].filter(
        ({ account }) => account.type === 'project' && account.domainId === domainId,
      ),
    projectsOfMember: async (userId) =>
      [...this.accounts.values()].filter(
        ({ account, members }) => account.type === 'project' && members?.includes(userId),
      ),
    waivers: async () => [...this.waived.values()],
    stopDecision: async () => this.stops[0],
    stopDecisions: async (limit) => this.stops.slice(0, limit),
    accountCount: async () => this.accounts.size,
    seen: async (ids) => new Set(ids.filter((id) => this.seenIds.has(id))),
    decisions: async ({ operationId, limit }) =>
      this.decided
        .filter((decision) => !operationId || decision.operationId === operationId)
        .slice(0, limit),
    quarantine: async (limit) => ({
      total: this.quarantined.length,
      records: this.quarantined.slice(0, limit),
    }),
    counters: async () => Object.fromEntries(this.counters),
    depths: async () => ({}),
  };

  async deadLetters(filter: DeadLetterFilter): Promise<DeadLetter[]> {
    return this.letters.filter((letter) => matches(letter, filter));
  }

  async redrive(filter: DeadLetterFilter, decided: Decided): Promise<number> {
    const letters = this.#take(filter, 'redriven', decided);
    for (const letter of letters) {
      if (letter.message) this.#put(letter.message, this.time);
      // Nobody can read it this time either.
      else this.letters.push(letter);
    }
    for (const message of wordOf('redriven', letters, decided)) this.#put(message, this.time);
    return letters.length;
  }

  async discard(
    filter: DeadLetterFilter,
    decided: Decided & { readonly reason: string },
  ): Promise<number> {
    const letters = this.#take(filter, 'discarded', decided);
    for (const message of wordOf('discarded', letters, decided)) this.#put(message, this.time);
    return letters.length;
  }

  #take(filter: DeadLetterFilter, what: Decision['what'], decided: Decided): DeadLetter[] {
    const taken = this.letters.filter((letter) => matches(letter, filter));
    for (const letter of taken) this.letters.splice(this.letters.indexOf(letter), 1);
    this.decided.unshift(...decisionsOf(what, taken, decided, this.time));
    return taken;
  }

  async work(): Promise<void> {
    throw new Error('the test delivers by itself');
  }
  async health(): Promise<void> {}
  async close(): Promise<void> {}
}
