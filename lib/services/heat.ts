import * as z from 'zod';
import { defineService, defineType, type ProjectContext, type Removal } from '../task/service.ts';
import { hazardOf, hookOf } from './heat/foreign-effects.ts';
import { configsOf, pathOfStack, rootsOf, type StackRow } from './heat/rows.ts';
import { trustedStack } from './heat/trusts.ts';
import { epochOf } from './kit/time.ts';

const MINUTE = 60_000;
/** Most stacks are gone by then; a large one takes longer, and it is only said. */
const PATIENCE = 15 * MINUTE;
/**
 * Heat's own ([DEFAULT] stack_action_timeout, an hour): what is still under way after it has lost
 * its engine, and is asked for again.
 */
const ABANDONED = 70 * MINUTE;

/**
 * Stacks, with all that is in them and nested in them. What is deleted by name with another's token
 * stays: the owner's keypair is the user's and goes with the user, his container goes with Swift,
 * his queue with Zaqar. So does what has `deletion_policy: Retain`.
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
    // On the project itself what Heat finds by name is the project's own; only keypairs still
    // belong to the user who asks.
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
 * Deployments that are in no stack. Their rows name no owner; one belongs to whom its configuration
 * belongs: Heat makes it only for a configuration that the caller sees, and an administrator's for
 * another project is part of that one.
 */
const softwareDeployment = defineType({
  name: 'software-deployment',
  // Those of a stack go with it, and some run at its deletion.
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
 * Configurations that are in no stack; Heat keeps them (with an error 500) as long as a deployment
 * needs them.
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
 * Heat, Orchestration API v1. Ahead of what stacks are made of: a stack makes again what somebody
 * takes out of it, and knows the order itself. Any administrator deletes a stack at any time, with
 * a token on the project if there is one: it finds by name what belongs to the project.
 */
export const heat = defineService({
  name: 'heat',
  catalogTypes: ['orchestration'],
  // Heat's second API, in the manner of CloudFormation: the same stacks.
  catalogAliases: ['cloudformation'],
  preDelete: true,
  before: [
    ...['trove', 'octavia', 'manila', 'designate', 'zun', 'mistral', 'zaqar'],
    ...['nova', 'cinder', 'neutron', 'swift', 'barbican'],
  ],
  // They make stacks, and mind when one goes without them.
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
