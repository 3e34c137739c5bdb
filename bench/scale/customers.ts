import { randomUUID } from 'node:crypto';
import { connectCloud } from '../../lib/openstack/connect.ts';
import { keystone } from '../../lib/services/keystone.ts';
import type { RehearsalCloud } from '../../test/cloud/cloud.ts';
import { loginOf } from '../../test/cloud/login.ts';
import type { Size } from '../../test/cloud/seed.ts';

/** Projects with resources of every type, in their own domain. */
export interface Customers {
  readonly cloud: RehearsalCloud;
  readonly domain: string;
  readonly projects: readonly string[];
}

/** Creates `count` projects in a new domain, and fills each project with resources. */
export function customersOf(cloud: RehearsalCloud, size: Size, count: number): Customers {
  const domain = cloud.seed.makeDomain(`customer-${randomUUID()}`);
  const projects = Array.from({ length: count }, (_, index) => {
    const id = cloud.seed.makeProject(domain, `project-${index}`);
    cloud.seed.fill(id, size);
    return id;
  });
  return { cloud, domain, projects };
}

/** The API limits the size of a request. */
const DELETIONS_AT_ONCE = 100;

/**
 * Deletes the projects, or their domain as a whole, in Keystone. Yields the notifications that
 * Keystone sent about each part of the deletions, as a JSON array.
 */
export async function* deletionsOf(
  { cloud, domain, projects }: Customers,
  target: 'projects' | 'domain',
): AsyncGenerator<string> {
  let sent: string[] = [];
  const takeSent = (): string => {
    const notifications = `[${sent.join(',')}]`;
    sent = [];
    return notifications;
  };
  const unsubscribe = cloud.onNotification((notification) =>
    sent.push(JSON.stringify(notification)),
  );
  const admin = connectCloud(loginOf(cloud.credentials));
  try {
    const api = await admin.api(keystone, 'RegionOne');
    if (!api) throw new TypeError('the rehearsal cloud has no Keystone');
    if (target === 'domain') {
      const disabled = { json: { domain: { enabled: false } } };
      await api.request('PATCH', `/v3/domains/${domain}`, disabled);
      await api.request('DELETE', `/v3/domains/${domain}`);
      yield takeSent();
      return;
    }
    for (let from = 0; from < projects.length; from += DELETIONS_AT_ONCE) {
      const part = projects.slice(from, from + DELETIONS_AT_ONCE);
      await Promise.all(part.map((id) => api.request('DELETE', `/v3/projects/${id}`)));
      yield takeSent();
    }
  } finally {
    unsubscribe();
    await admin.close();
  }
}
