import { randomUUID } from 'node:crypto';
import { connectCloud } from '../../lib/openstack/connect.ts';
import { readCredentials } from '../../lib/openstack/credentials.ts';
import { keystone } from '../../lib/services/keystone.ts';
import { type RehearsalCloud, startCloud } from '../cloud/cloud.ts';
import { designate } from '../cloud/documented/designate.ts';
import { heat } from '../cloud/documented/heat.ts';
import { octavia } from '../cloud/documented/octavia.ts';

/** The OpenStack beside the deployed stack. */
export const rehearsalCloud = (): Promise<RehearsalCloud> =>
  startCloud({ with: [heat, octavia, designate], durations: { documented: 100 } });

/**
 * A project in a domain of its own, full of resources. `created`: its notification, as Keystone
 * sent it; a deletion is believed only of a project that was seen alive.
 */
export function customerOf(cloud: RehearsalCloud): { id: string; created: string } {
  const sent: string[] = [];
  const silence = cloud.onNotification((one) => sent.push(JSON.stringify(one)));
  const { seed } = cloud;
  const id = seed.makeProject(seed.makeDomain(`customer-${randomUUID()}`), 'production');
  silence();
  seed.fill(id, 'small');
  const created = sent.find((text) => text.includes(id));
  if (created === undefined) throw new TypeError('the cloud sent no notification of the project');
  return { id, created };
}

/** Deletes a project in Keystone. Returns its notification as Keystone sent it. */
export async function deletedIn(cloud: RehearsalCloud, project: string): Promise<string> {
  const notified = Promise.withResolvers<string>();
  const silence = cloud.onNotification((notification) =>
    notified.resolve(JSON.stringify(notification)),
  );
  const admin = connectCloud(
    readCredentials({
      env: cloud.credentials,
      readFile: () => undefined,
      home: '/nowhere',
      cwd: '/nowhere',
    }),
  );
  await (await admin.api(keystone, 'RegionOne'))?.request('DELETE', `/v3/projects/${project}`);
  await admin.close();
  const notification = await notified.promise;
  silence();
  return notification;
}
