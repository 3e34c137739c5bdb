import { randomUUID } from 'node:crypto';
import { connectCloud } from '../../lib/openstack/connect.ts';
import { readCredentials } from '../../lib/openstack/credentials.ts';
import { keystone } from '../../lib/services/keystone.ts';
import { type RehearsalCloud, startCloud } from '../cloud/cloud.ts';
import { designate } from '../cloud/documented/designate.ts';
import { heat } from '../cloud/documented/heat.ts';
import { octavia } from '../cloud/documented/octavia.ts';
import { type DeployedStack, deployStack } from './stack.ts';

/** The deployed stack with the rehearsal cloud as OpenStack. */
export interface AwsStage extends DeployedStack {
  readonly cloud: RehearsalCloud;
  /** A project in a domain of its own, full of things. */
  project(): string;
  /** Deletes a project in Keystone; gives its notification as Keystone sent it. */
  deleted(project: string): Promise<string>;
}

/** The deployed stack, and a cloud whose login lies in its secret. */
export async function setAwsStage(): Promise<AwsStage> {
  const cloud = await startCloud({ with: [heat, octavia, designate], durations: { documented: 100 } });
  const stack = await deployStack(cloud.credentials, { PROPAGATOR_PATIENCE: '3s' }).catch(async (error: unknown) => {
    await cloud.close();
    throw error;
  });
  return {
    ...stack,
    cloud,
    project() {
      const id = cloud.seed.makeProject(cloud.seed.makeDomain(`customer-${randomUUID()}`), 'production');
      cloud.seed.fill(id, 'small');
      return id;
    },
    deleted: (project) => deletedIn(cloud, project),
    async stop() {
      await stack.stop();
      await cloud.close();
    },
  };
}

async function deletedIn(cloud: RehearsalCloud, project: string): Promise<string> {
  const told = Promise.withResolvers<string>();
  const silence = cloud.onNotification((notification) => told.resolve(JSON.stringify(notification)));
  const admin = connectCloud(readCredentials({ env: cloud.credentials, readFile: () => undefined, home: '/nowhere', cwd: '/nowhere' }));
  await (await admin.api(keystone, 'RegionOne'))?.request('DELETE', `/v3/projects/${project}`);
  await admin.close();
  const notification = await told.promise;
  silence();
  return notification;
}
