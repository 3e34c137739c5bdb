import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RehearsalCloud } from '../cloud/cloud.ts';
import { until } from '../engine/engine-store.ts';
import {
  customerOf,
  deletedIn,
  newProjectIn,
  rehearsalCloud,
  setEnabledIn,
  TRIAL_POLICY,
} from './cloud.ts';
import { type DeployedStack, deployStack } from './stack.ts';

/** The deployed stack with the rehearsal cloud as OpenStack. */
export interface DeployedFixture extends DeployedStack {
  readonly cloud: RehearsalCloud;
  /** Creates a project in its own domain, with resources of every type. */
  project(name?: string): string;
  /** Deletes a project in Keystone. Returns its notification as Keystone sent it. */
  deleted(project: string): Promise<string>;
  /** Creates an empty project. Returns its notification as Keystone sent it. */
  newProject(name: string): { readonly id: string; readonly created: string };
  /** Disables or enables a project. Returns its notification as Keystone sent it. */
  setEnabled(project: string, enabled: boolean): Promise<string>;
}

/** Deploys the stack, and starts a cloud whose login is in its secret. */
export async function deployFixture(): Promise<DeployedFixture> {
  const cloud = await rehearsalCloud();
  const folder = mkdtempSync(join(tmpdir(), 'propagator-policy-'));
  const policy = join(folder, 'policy.yaml');
  writeFileSync(policy, TRIAL_POLICY);
  const settings = {
    PROPAGATOR_STALL_TIMEOUT: '3s',
    PROPAGATOR_POLICY: policy,
    PROPAGATOR_TOKEN_CACHE_TIME: '2s',
  };
  const stack = await deployStack(cloud.credentials, settings)
    // The functions contain the policy, so the file is not read again.
    .finally(() => rmSync(folder, { recursive: true }))
    .catch(async (error: unknown) => {
      await cloud.close();
      throw error;
    });
  const created = new Map<string, string>();
  const record = async (project: string): Promise<void> => {
    const isKnown = async () =>
      (await stack.engine.reads.account('project', project)) !== undefined;
    const notification = created.get(project);
    if (notification === undefined || (await isKnown())) return;
    await stack.send('ingest', stack.notification(notification));
    await until('the record of a new project', isKnown, 60);
  };
  return {
    ...stack,
    cloud,
    project(name) {
      const customer = customerOf(cloud, name);
      created.set(customer.id, customer.created);
      return customer.id;
    },
    newProject: (name) => newProjectIn(cloud, name),
    async deleted(project) {
      await record(project);
      return deletedIn(cloud, project);
    },
    async setEnabled(project, enabled) {
      await record(project);
      return setEnabledIn(cloud, project, enabled);
    },
    async stop() {
      await stack.stop();
      await cloud.close();
    },
  };
}
