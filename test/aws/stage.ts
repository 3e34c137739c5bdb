import type { RehearsalCloud } from '../cloud/cloud.ts';
import { until } from '../engine/place.ts';
import { customerOf, deletedIn, rehearsalCloud } from './cloud.ts';
import { type DeployedStack, deployStack } from './stack.ts';

/** The deployed stack with the rehearsal cloud as OpenStack. */
export interface AwsStage extends DeployedStack {
  readonly cloud: RehearsalCloud;
  /** A project in a domain of its own, full of resources. */
  project(): string;
  /** Deletes a project in Keystone. Returns its notification as Keystone sent it. */
  deleted(project: string): Promise<string>;
}

/** The deployed stack, and a cloud whose login lies in its secret. */
export async function setAwsStage(): Promise<AwsStage> {
  const cloud = await rehearsalCloud();
  const stack = await deployStack(cloud.credentials, { PROPAGATOR_STALL_TIMEOUT: '3s' }).catch(
    async (error: unknown) => {
      await cloud.close();
      throw error;
    },
  );
  const created = new Map<string, string>();
  return {
    ...stack,
    cloud,
    project() {
      const customer = customerOf(cloud);
      created.set(customer.id, customer.created);
      return customer.id;
    },
    async deleted(project) {
      const isKnown = async () =>
        (await stack.engine.reads.account('project', project)) !== undefined;
      const notification = created.get(project);
      if (notification !== undefined && !(await isKnown())) {
        await stack.send('ingest', stack.notification(notification));
        await until('the record of a new project', isKnown, 60);
      }
      return deletedIn(cloud, project);
    },
    async stop() {
      await stack.stop();
      await cloud.close();
    },
  };
}
