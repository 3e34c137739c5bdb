import type { RehearsalCloud } from '../cloud/cloud.ts';
import { customerOf, deletedIn, rehearsalCloud } from './cloud.ts';
import { type DeployedStack, deployStack } from './stack.ts';

/** The deployed stack with the rehearsal cloud as OpenStack. */
export interface AwsStage extends DeployedStack {
  readonly cloud: RehearsalCloud;
  /** A project in a domain of its own, full of resources. */
  project(): string;
  /** Deletes a project in Keystone; gives its notification as Keystone sent it. */
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
  return {
    ...stack,
    cloud,
    project: () => customerOf(cloud),
    deleted: (project) => deletedIn(cloud, project),
    async stop() {
      await stack.stop();
      await cloud.close();
    },
  };
}
