import type {
  AuditEntryShape,
  DeadLetterShape,
  OperationShape,
  PlanShape,
  ServiceShape,
  UncoveredShape,
  WaiverShape,
} from '../lib/cli/shapes.ts';

export type Operation = OperationShape;
export type Plan = PlanShape;
export type DeadLetter = DeadLetterShape;
export type Service = ServiceShape;
export type AuditEntry = AuditEntryShape;
export type Uncovered = UncoveredShape;
export interface Hold {
  readonly target: string;
  readonly id: string;
  /** The project of a resource, if it is known. */
  readonly project?: string;
  readonly by: string;
  readonly reason: string;
  readonly at: number;
  readonly ticket?: string;
  readonly until?: number;
}
export interface Suspension {
  readonly project: string;
  readonly by: string;
  readonly reason: string;
  readonly at: number;
  readonly enabledAt?: string;
  readonly advice?: string;
}
export interface Status {
  readonly ok: boolean;
  readonly mode?: string;
  readonly stopped?: { readonly by: string; readonly reason?: string; readonly at: number };
  readonly accounts: number;
  readonly suspicious: number;
  readonly enabledDuringHold: number;
  readonly queues: Readonly<
    Record<string, { readonly ready: number; readonly active: number; readonly dead: number }>
  >;
}
export interface Services {
  readonly services: readonly Service[];
  readonly httpPlugins: readonly string[];
  readonly uncovered: readonly Uncovered[];
  readonly waived: readonly WaiverShape[];
}

/** The API sent an answer that this console cannot show. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
  readonly path: string;
  constructor(path: string, wanted: string) {
    super(`${path} is not ${wanted}`);
    this.path = path;
  }
}

type Check = (value: unknown, path: string) => void;
const is =
  (type: 'string' | 'number' | 'boolean'): Check =>
  (value, path) => {
    if (typeof value !== type) throw new ShapeError(path, `a ${type}`);
  };
const [text, amount, flag] = [is('string'), is('number'), is('boolean')];
const maybe =
  (check: Check): Check =>
  (value, path) => {
    if (value !== undefined && value !== null) check(value, path);
  };
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const object =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value, path) => {
    if (!isObject(value)) throw new ShapeError(path, 'an object');
    for (const [name, check] of Object.entries(fields))
      check(Object.hasOwn(value, name) ? value[name] : undefined, `${path}.${name}`);
  };
const list =
  (item: Check): Check =>
  (value, path) => {
    if (!Array.isArray(value)) throw new ShapeError(path, 'a list');
    value.forEach((one: unknown, index) => {
      item(one, `${path}[${index}]`);
    });
  };
const record =
  (item: Check): Check =>
  (value, path) => {
    if (!isObject(value)) throw new ShapeError(path, 'an object');
    for (const [name, one] of Object.entries(value)) item(one, `${path}.${name}`);
  };
/**
 * Returns a function that checks an answer and returns it with its type. Throws {@link ShapeError}.
 */
const shape =
  <T>(check: Check) =>
  (value: unknown): T => {
    check(value, 'answer');
    return value as T;
  };

const count = object({ found: amount, removed: amount, left: amount });
const decided = object({ by: text, at: amount });
const condition = object({ class: text, message: text, actor: text, count: amount });
const error = object({ code: text, class: text, message: text, advice: text });
const task = object({
  service: text,
  region: text,
  state: text,
  counts: record(count),
  conditions: list(condition),
  because: maybe(text),
});
const uncovered = object({ type: text, name: text, because: maybe(text), advice: maybe(text) });
const operation = object({
  operation: object({
    id: text,
    action: text,
    mode: text,
    state: text,
    scope: object({ type: text, id: text, name: maybe(text), domainId: maybe(text) }),
    cause: object({ eventType: text, note: maybe(text) }),
    hold: maybe(object({ reason: text, advice: maybe(text) })),
    request: maybe(object({ by: text, reason: text, at: amount })),
    rerun: maybe(object({ of: text, by: text, reason: text })),
    plan: maybe(object({ of: text, approvals: list(decided) })),
    released: maybe(object({ by: text, reason: text, at: amount })),
    uncovered: list(uncovered),
    openedAt: amount,
    endedAt: maybe(amount),
  }),
  tasks: list(task),
  resources: count,
  waitsOn: list(
    object({ on: text, since: amount, actor: text, advice: maybe(text), deadLetter: flag }),
  ),
  projects: maybe(
    list(object({ id: text, state: text, operationId: maybe(text), resources: maybe(count) })),
  ),
  notice: maybe(text),
});

export const operationShape = shape<Operation>(operation);
export const operationsShape = shape<{
  readonly operations: readonly Operation[];
  readonly notice?: string;
}>(object({ operations: list(operation), notice: maybe(text) }));
export const planShape = shape<Plan>(
  object({
    id: text,
    scope: object({ type: text, id: text, name: maybe(text) }),
    openedAt: amount,
    digest: maybe(text),
    resources: amount,
    allowedDrift: amount,
    approvals: list(decided),
    approvalsNeeded: amount,
    carriedOutBy: maybe(text),
    twoBecause: maybe(text),
    keystoneCheck: object({ refusals: list(object({ message: text, advice: text })) }),
  }),
);
export const statusShape = shape<Status>(
  object({
    ok: flag,
    mode: maybe(text),
    stopped: maybe(object({ by: text, at: amount, reason: maybe(text) })),
    accounts: amount,
    suspicious: amount,
    enabledDuringHold: amount,
    queues: record(object({ ready: amount, active: amount, dead: amount })),
  }),
);
export const deadLettersShape = shape<{ readonly deadLetters: readonly DeadLetter[] }>(
  object({
    deadLetters: list(
      object({
        id: text,
        queue: text,
        at: amount,
        cause: text,
        expiresAt: maybe(amount),
        operationId: maybe(text),
        error: maybe(error),
      }),
    ),
  }),
);
export const holdsShape = shape<{
  readonly holds: readonly Hold[];
  readonly suspensions: readonly Suspension[];
}>(
  object({
    holds: list(object({ target: text, id: text, by: text, reason: text, at: amount })),
    suspensions: list(object({ project: text, by: text, reason: text, at: amount })),
  }),
);
export const servicesShape = shape<Services>(
  object({
    services: list(
      object({
        name: text,
        catalogTypes: list(text),
        resourceTypes: list(text),
        regions: list(text),
        on: flag,
        problem: maybe(object({ message: text, advice: text })),
      }),
    ),
    httpPlugins: list(text),
    uncovered: list(uncovered),
    waived: list(object({ type: text, by: text, reason: text, at: amount })),
  }),
);
export const auditShape = shape<{ readonly entries: readonly AuditEntry[] }>(
  object({
    entries: list(
      object({
        sequence: amount,
        at: maybe(amount),
        by: maybe(object({ name: text })),
        what: maybe(text),
        reason: maybe(text),
        from: maybe(text),
      }),
    ),
  }),
);
