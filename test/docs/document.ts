import { randomUUID } from 'node:crypto';
import type * as z from 'zod';
import { freshMemoize } from '../../lib/task/run.ts';
import type { Answer, ProjectContext, ServiceApi } from '../../lib/task/service.ts';

/** What every extension of Neutron has in its rows, and more than most of them ask for. */
const rowOf = (project: string): Record<string, unknown> => ({
  id: randomUUID(),
  name: 'something',
  project_id: project,
  tenant_id: project,
  ports: [randomUUID()],
});

/** A row that this schema takes; `undefined` when five guesses were not enough. */
function madeUp<S extends z.ZodType>(schema: S, project: string): z.infer<S> | undefined {
  const row = rowOf(project);
  for (let guesses = 0; guesses < 5; guesses += 1) {
    const parsed = schema.safeParse(row);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) {
      const expected = 'expected' in issue ? issue.expected : 'string';
      const guess = { array: [], boolean: false, number: 1, object: {} }[String(expected)];
      row[String(issue.path[0])] = guess ?? randomUUID();
    }
  }
  return undefined;
}

/**
 * An API that has one of everything, for resource types that the rehearsal cloud lacks: a listing
 * that fails there shows one made-up row, and every removal succeeds. Only what was asked is of
 * interest.
 */
function onPaper(api: ServiceApi, project: string): ServiceApi {
  const done: Answer = {
    status: 204,
    headers: new Headers(),
    json: undefined,
    requestId: undefined,
  };
  return {
    ...api,
    request: (method, path, options) =>
      method === 'GET' ? api.request(method, path, options) : Promise.resolve(done),
    async list(path, options) {
      const real = await api.list(path, options).catch(() => undefined);
      if (real) return real;
      const row = madeUp(options.row, project);
      return { rows: row === undefined ? [] : [row], more: false };
    },
  };
}

class Everything extends Set<string> {
  override has(): boolean {
    return true;
  }
}

/** The same reach, on paper: with every extension of Neutron. */
export function paperReach(context: ProjectContext): ProjectContext {
  const memoize = freshMemoize();
  return {
    ...context,
    api: onPaper(context.api, context.project),
    memoize: (key, ask) =>
      memoize(
        key,
        key === 'neutron.extensions'
          ? async () => ask().then(() => new Everything() as Awaited<ReturnType<typeof ask>>)
          : ask,
      ),
  };
}
