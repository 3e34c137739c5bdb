import * as z from 'zod';
import { defineService, defineType, type ProjectContext, type Removal } from '../task/service.ts';
import { hazardOf, hookOf } from './heat/foreign-effects.ts';
import { configsOf, pathOfStack, rootsOf, type StackRow } from './heat/rows.ts';
import { trustedStack } from './heat/trusts.ts';
import { epochOf } from './kit/time.ts';

const MINUTE = 60_000;
/** Most stacks are gone by then. A large stack takes longer, and the report only says so. */
const PATIENCE = 15 * MINUTE;
/**
 * Heat's own timeout is one hour ([DEFAULT] stack_action_timeout). A deletion that is still in
 * progress after this time has lost its engine and is requested again.
 */
const ABANDONED = 70 * MINUTE;

/**
 * Stacks with all their resources and nested stacks. Resources that Heat deletes by name with
 * another token stay: the owner's keypair belongs to the user and goes with the user, the container
 * goes with Swift, the queue with Zaqar. Resources with `deletion_policy: Retain` stay, too.
 */
const stack = defineType({
  name: 'stack',
  blockers: [
    'A keypair, Swift container, queue or workflow of the cleaner (a workflow or cron trigger of anybody) has the name of one in the stack: Heat deletes by name, with the token of whoever asks.',
    'It has resources of the cloud or of other projects (quotas, flavors, Keystone), a workflow that runs at its deletion, or an association that its owner could not finish: an administrator’s deletion would reach further than the owner could.',
    'A pre-delete hook waits until somebody clears it.',
    'Another service refuses (DELETE_FAILED): Heat’s reason is shown, and every pass asks again.',
    'A type in it is gone with its plugin: Heat lists the stack and can’t load it.',
  ],
  list: rootsOf,
  id: (row) => row.id,
  owner: (row) => row.project ?? undefined,
  label: (row) => row.stack_name,
  async remove(row, context): Promise<Removal> {
    const since = epochOf(row.updated_time ?? row.creation_time);
    const age = context.now() - since;
    const isDeleting = row.stack_status === 'DELETE_IN_PROGRESS';
    if (isDeleting && !(age > MINUTE)) return { is: 'accepted' };
    const hook = isDeleting ? await hookOf(row, context.api) : undefined;
    if (hook) return { is: 'blocked', ...hook };
    if (isDeleting && !(age > ABANDONED))
      return age > PATIENCE ? { is: 'accepted', stuckSince: since } : { is: 'accepted' };
    const hazard = await hazardOf(row, context);
    if (hazard) return { is: 'blocked', ...hazard };
    // With a token on the project Heat finds only names of that project. Only keypairs belong to
    // the user of the token.
    await (context.projectApi ?? context.api).request('DELETE', pathOfStack(row));
    if (row.stack_status === 'DELETE_FAILED') return { is: 'blocked', ...failure(row) };
    return isDeleting ? { is: 'accepted', stuckSince: since } : { is: 'accepted' };
  },
});

const LONGEST_REASON = 300;

const failure = ({ stack_status_reason: reason }: StackRow) => ({
  message: `Heat could not delete it and was asked again: ${(reason || 'it gives no reason').slice(0, LONGEST_REASON)}`,
  actor: 'operator' as const,
  advice:
    'See to what the reason names (openstack stack failures list); it is asked for again in every pass.',
});

const deploymentRow = z.object({
  id: z.string(),
  config_id: z.string(),
  server_id: z.string().nullish(),
});

/**
 * Deployments that are in no stack. Their rows name no owner, so the owner is that of the
 * configuration: Heat creates a deployment only for a configuration that the caller sees. A
 * deployment that an administrator created for another project's configuration is part of that
 * configuration.
 */
const softwareDeployment = defineType({
  name: 'software-deployment',
  // Deployments of a stack go with it, and some run at its deletion.
  after: ['stack'],
  async list(context) {
    const owners = new Map((await configsOf(context)).map((row) => [row.id, row.project]));
    if (owners.size === 0) return [];
    const path = '/software_deployments';
    const { rows } = await context.api.list(path, {
      collection: 'software_deployments',
      row: deploymentRow,
      paging: 'none',
    });
    return rows
      .filter((row) => owners.has(row.config_id))
      .map((row) => ({ ...row, owner: owners.get(row.config_id) }));
  },
  id: (row) => row.id,
  owner: (row) => row.owner ?? undefined,
  label: (row) => row.server_id ?? undefined,
  remove: (row, context) => gone(context, `/software_deployments/${encodeURIComponent(row.id)}`),
});

/**
 * Configurations that are in no stack. Heat refuses to delete one (with an error 500) as long as a
 * deployment needs it.
 */
const softwareConfig = defineType({
  name: 'software-config',
  after: ['stack', 'software-deployment'],
  list: configsOf,
  id: (row) => row.id,
  owner: (row) => row.project ?? undefined,
  label: (row) => row.name ?? undefined,
  remove: (row, context) => gone(context, `/software_configs/${encodeURIComponent(row.id)}`),
});

async function gone({ api }: ProjectContext, path: string): Promise<Removal> {
  await api.request('DELETE', path);
  return { is: 'gone' };
}

/**
 * Heat, Orchestration API v1. It runs before the services of its resources: a stack recreates
 * resources that are removed from outside, and it knows the right order. Any administrator can
 * delete a stack at any time. A token on the project is preferred: with it Heat finds by name only
 * what belongs to the project.
 */
export const heat = defineService({
  name: 'heat',
  catalogTypes: ['orchestration'],
  // Heat's second API, compatible with CloudFormation, shows the same stacks.
  catalogAliases: ['cloudformation'],
  preDelete: true,
  before: [
    ...['trove', 'octavia', 'manila', 'designate', 'zun', 'mistral', 'zaqar'],
    ...['nova', 'cinder', 'neutron', 'swift', 'barbican'],
  ],
  // Magnum and Tacker create stacks and fail if a stack goes without them.
  follows: ['magnum', 'tacker'],
  concurrency: 4,
  releases: [
    'Up to 24 (2025.1) a stack goes whatever became of its owner, his project and his trust: the trust is given back last, and a failure is only logged (seen on 19).',
    '25 (2025.2) logs in with the owner’s trust first: where owner or project is gone, it refuses. Empty projects while they live, or upgrade to 26.',
    '26 (2026.1) goes on when that trust is gone, but takes one of the caller’s: the cleaner must not log in with an application credential. An owner who is disabled or lost his role blocks it while the project is enabled.',
    '19 to 21 with enforce_new_defaults don’t let an administrator into another project’s path; that all stacks are seen is then proven by any stack of the cloud.',
    'With deletion_policy: Retain a nested stack outlives its parent and is no root: it is found and deleted by itself.',
  ],
  resourceTypes: [stack, softwareDeployment, softwareConfig],
  userResourceTypes: [trustedStack],
});
