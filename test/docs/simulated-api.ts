import { randomUUID } from 'node:crypto';
import type * as z from 'zod';
import { createMemoize } from '../../lib/task/memoize.ts';
import type { ApiAnswer, ProjectContext, ServiceApi } from '../../lib/task/service.ts';

/** Returns a row with fields that the rows of all extensions of Neutron have. */
const commonRow = (project: string): Record<string, unknown> => ({
  id: randomUUID(),
  name: 'something',
  project_id: project,
  tenant_id: project,
  ports: [randomUUID()],
});

/** Returns a row that matches the schema, or `undefined` after five unsuccessful attempts. */
function fabricatedRow<S extends z.ZodType>(schema: S, project: string): z.infer<S> | undefined {
  const row = commonRow(project);
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
 * Returns an API for resource types that the rehearsal cloud does not have. A listing that fails in
 * the cloud returns one fabricated row, and every removal succeeds. The recorder needs only the
 * calls, not their effect.
 */
function simulatedApi(api: ServiceApi, project: string): ServiceApi {
  const deleted: ApiAnswer = {
    status: 204,
    headers: new Headers(),
    json: undefined,
    requestId: undefined,
  };
  return {
    ...api,
    request: (method, path, options) =>
      method === 'GET' ? api.request(method, path, options) : Promise.resolve(deleted),
    async list(path, options) {
      const listed = await api.list(path, options).catch(() => undefined);
      if (listed) return listed;
      const row = fabricatedRow(options.row, project);
      return { rows: row === undefined ? [] : [row], hasMore: false };
    },
  };
}

/** The names of Neutron's extensions, in a cloud that has all of them. */
class EveryExtension extends Set<string> {
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
    memoize: (key, load) =>
      memoize(
        key,
        key === 'neutron.extensions'
          ? async () => load().then(() => new EveryExtension() as Awaited<ReturnType<typeof load>>)
          : load,
      ),
  };
}
