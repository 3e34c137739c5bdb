import type { Call, Reply } from './http.ts';

/** The effect of a fault. */
export type Effect =
  /** The service refuses with this status, in its own error shape. `retryAfter` in seconds. */
  | {
      readonly does: 'answer';
      readonly status: number;
      readonly retryAfter?: number;
      readonly message?: string;
    }
  /** Half of the body, with a length that fits the half: well-formed HTTP, broken JSON. */
  | { readonly does: 'cut-body' }
  /** Half of the body, then the connection breaks: shorter than its Content-Length said. */
  | { readonly does: 'cut-connection' }
  /** A page of `rows` rows that does not link to the next one. */
  | { readonly does: 'drop-next'; readonly rows: number }
  /** The rows of a listing have no owner. */
  | { readonly does: 'drop-owner' }
  /** The filter by project is ignored: the rows of all projects are returned, as by Heat's list. */
  | { readonly does: 'ignore-filter' }
  /**
   * A deletion is accepted and never ends: the resource stays, `deleting` if the service has such a
   * state.
   */
  | { readonly does: 'endless' }
  /** The answer is delayed. Real milliseconds. */
  | { readonly does: 'slow'; readonly milliseconds: number }
  /** The connection is reset before the call has any effect. */
  | { readonly does: 'reset' }
  /** The call has its effect, and then the connection is reset without an answer. */
  | { readonly does: 'reset-after' };

export interface Fault {
  readonly service: string;
  /** Any method if missing. */
  readonly method?: string;
  /** A pattern for the unescaped path and query. Without it, any path matches. */
  readonly path?: RegExp;
  /** The fault ends after this many hits. Without it, the fault lasts until it is cleared. */
  readonly times?: number;
  /** The number of first hits without a fault. */
  readonly after?: number;
  readonly effect: Effect;
}

/** An injected fault. */
export interface Injected {
  /** The number of hits so far. */
  readonly hits: number;
  clear(): void;
}

export class Faults {
  readonly #active = new Set<{ fault: Fault; hits: number; passed: number }>();

  /** Adds a fault until it is cleared. A fault with `times` ends after that number of calls. */
  inject(fault: Fault): Injected {
    const entry = { fault, hits: 0, passed: 0 };
    this.#active.add(entry);
    return {
      get hits() {
        return entry.hits;
      },
      clear: () => void this.#active.delete(entry),
    };
  }

  /** Adds a fault, for a caller that only needs to end it. */
  add(fault: Fault): () => void {
    return this.inject(fault).clear;
  }

  clear(): void {
    this.#active.clear();
  }

  /** The effects of the faults that match a call. Each counts as a hit. */
  effectsOf(call: Call): Effect[] {
    const effects: Effect[] = [];
    for (const entry of this.#active) {
      const { fault } = entry;
      if (
        fault.service !== call.service ||
        (fault.method !== undefined && fault.method !== call.method)
      )
        continue;
      if (fault.path && !fault.path.test(call.path + call.search)) continue;
      if (entry.passed < (fault.after ?? 0)) {
        entry.passed++;
        continue;
      }
      entry.hits++;
      if (fault.times !== undefined && entry.hits >= fault.times) this.#active.delete(entry);
      effects.push(fault.effect);
    }
    return effects;
  }
}

/** Query parameters by which services choose a project. */
const filters = ['project_id', 'tenant_id', 'owner', 'tenant', 'project'];
/** Fields of rows that name their owner. */
const owners = new Set([
  'project_id',
  'tenant_id',
  'owner',
  'lessee',
  'project',
  'os-vol-tenant-attr:tenant_id',
  'os-extended-snapshot-attributes:project_id',
  'os-backup-project-attr:project_id',
  'source_project_id',
  'created_by_project_id',
]);

/** The change of a fault to the request. */
export function changeCall(call: Call, effects: readonly Effect[]): void {
  for (const effect of effects) {
    if (effect.does === 'ignore-filter') {
      call.unfiltered = true;
      for (const name of filters) call.query.delete(name);
    }
    if (effect.does === 'endless') call.endless = true;
  }
}

/** The change of a fault to the answer, before it is written as text. */
export function changeReply(reply: Reply, effects: readonly Effect[]): Reply {
  let spoilt = reply;
  for (const effect of effects) {
    const json = spoilt.json;
    if (!isObject(json)) continue;
    if (effect.does === 'drop-owner')
      spoilt = { ...spoilt, json: eachList(json, (rows) => rows.map(withoutOwner)) };
    if (effect.does === 'drop-next') {
      const shown = Object.entries(json).filter(
        ([key]) => key !== 'next' && !key.endsWith('_links'),
      );
      const unlinked = Array.isArray(json) ? json : Object.fromEntries(shown);
      spoilt = { ...spoilt, json: eachList(unlinked, (rows) => rows.slice(0, effect.rows)) };
    }
  }
  return spoilt;
}

const isObject = (json: unknown): json is Record<string, unknown> =>
  typeof json === 'object' && json !== null;

const eachList = (
  json: Record<string, unknown>,
  change: (rows: unknown[]) => unknown[],
): unknown =>
  Array.isArray(json)
    ? change(json)
    : Object.fromEntries(
        Object.entries(json).map(([key, value]) => [
          key,
          Array.isArray(value) ? change(value) : value,
        ]),
      );

const withoutOwner = (row: unknown): unknown =>
  isObject(row) ? Object.fromEntries(Object.entries(row).filter(([key]) => !owners.has(key))) : row;
