import { VirtualClock } from './clock.ts';
import { type CloudOptions, type RehearsalCloud, startCloud } from './cloud.ts';
import { type Ask, Asker, type Question } from './compare-ask.ts';
import { loginOf } from './login.ts';

/**
 * A rehearsal cloud with a stopped clock, a login of its administrator, and one project in a new
 * domain.
 */
export interface TestCloud {
  readonly cloud: RehearsalCloud;
  readonly clock: VirtualClock;
  readonly ask: Ask;
  readonly domain: string;
  readonly project: string;
  /** The status alone. */
  status(service: string, method: string, path: string, question?: Question): Promise<number>;
  close(): Promise<void>;
}

export async function openTestCloud(options: CloudOptions = {}): Promise<TestCloud> {
  const clock = new VirtualClock();
  const cloud = await startCloud({ ...options, clock });
  const { ask } = await Asker.login(loginOf(cloud.credentials));
  const domain = cloud.seed.makeDomain('customer');
  const project = cloud.seed.makeProject(domain, 'production');
  // The administrator also has a role on the project, because services create resources in the
  // project of the token.
  cloud.seed.grant({ user: ask.user }, project, 'admin');
  return {
    cloud,
    clock,
    ask,
    domain,
    project,
    status: async (...question) => (await ask(...question)).status,
    close: () => cloud.close(),
  };
}

/** The value at a path of a JSON answer: `servers.0.id`. */
export function at(json: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, key) =>
        typeof value === 'object' && value !== null
          ? Object.entries(value).find(([name]) => name === key)?.[1]
          : undefined,
      json,
    );
}

/** The rows of a listing. */
export function rows(json: unknown, key?: string): Record<string, unknown>[] {
  const list = key === undefined ? json : at(json, key);
  return Array.isArray(list) ? list : [];
}
