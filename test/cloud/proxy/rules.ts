import type { ProxyCall } from './forward.ts';

/** The effect of the proxy on a call or its answer. */
export type Effect =
  /** The call does not reach the cloud. */
  | {
      readonly does: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly text?: string;
    }
  /** The call is forwarded later. */
  | { readonly does: 'delay'; readonly milliseconds: number }
  /** The body of the answer comes in pieces of this many bytes. */
  | { readonly does: 'drip'; readonly bytes: number; readonly everyMilliseconds: number }
  /** The connection is closed without an answer; the call does not reach the cloud. */
  | { readonly does: 'reset' }
  /** The connection stays open and no answer comes. */
  | { readonly does: 'hang' }
  /** Changes the JSON of the answer. */
  | { readonly does: 'change'; readonly json: (json: unknown, call: ProxyCall) => unknown };

export interface ProxyRule {
  readonly method?: string;
  /** A pattern for path and query. Without it, every path matches. */
  readonly path?: RegExp;
  /** The upstream server: `http://127.0.0.1:8774`; every server if missing. */
  readonly origin?: string;
  /** The rule ends after this many hits. Without it, the rule stays until it is removed. */
  readonly times?: number;
  /** The number of first hits that are not changed. */
  readonly after?: number;
  readonly effect: Effect;
}

export interface ActiveRule {
  readonly hits: number;
  remove(): void;
}

export class RuleSet {
  readonly #active = new Set<{ readonly rule: ProxyRule; hits: number; passed: number }>();

  add(rule: ProxyRule): ActiveRule {
    const entry = { rule, hits: 0, passed: 0 };
    this.#active.add(entry);
    return {
      get hits() {
        return entry.hits;
      },
      remove: () => void this.#active.delete(entry),
    };
  }

  clear(): void {
    this.#active.clear();
  }

  /** The rules that apply to a call. Each counts as a hit. */
  rulesFor(call: ProxyCall): ProxyRule[] {
    const applied: ProxyRule[] = [];
    for (const entry of this.#active) {
      const { rule } = entry;
      if (rule.method !== undefined && rule.method !== call.method) continue;
      if (rule.origin !== undefined && rule.origin !== call.origin) continue;
      if (rule.path && !rule.path.test(call.path)) continue;
      if (entry.passed < (rule.after ?? 0)) {
        entry.passed += 1;
        continue;
      }
      entry.hits += 1;
      if (rule.times !== undefined && entry.hits >= rule.times) this.#active.delete(entry);
      applied.push(rule);
    }
    return applied;
  }
}
