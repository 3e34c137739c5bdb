import { randomUUID } from 'node:crypto';
import type * as z from 'zod';
import { createMemoize } from '../../lib/task/memoize.ts';
import type { ApiAnswer, ProjectContext, ServiceApi } from '../../lib/task/service.ts';

/** Fields of the rows of all extensions of Neutron. */
const rowOf = (project: string): Record<string, unknown> => ({
  id: randomUUID(),
  name: 'something',
  project_id: project,
  tenant_id: project,
  ports: [randomUUID()],
});

/** Creates a row that matches the schema; `undefined` after five unsuccessful attempts. */
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
 * Simulates an API for resource types that the rehearsal cloud does not have. A failing listing
 * returns one made-up row, and every removal succeeds. Only the calls are recorded.
 */
function simulatedApi(api: ServiceApi, project: string): ServiceApi {
  const done: ApiAnswer = {
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

/** Returns the context with a simulated API that has every extension of Neutron. */
export function simulatedContext(context: ProjectContext): ProjectContext {
  const memoize = createMemoize();
  return {
    ...context,
    api: simulatedApi(context.api, context.project),
    memoize: (key, ask) =>
      memoize(
        key,
        key === 'neutron.extensions'
          ? async () => ask().then(() => new Everything() as Awaited<ReturnType<typeof ask>>)
          : ask,
      ),
  };
}
