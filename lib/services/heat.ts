import * as z from 'zod';
import { defineService, defineType, type ProjectContext, type Removal } from '../task/service.ts';
import { preDeleteHookBlocker } from './heat/environment.ts';
import { foreignEffectBlocker, physicalIdsOf } from './heat/foreign-effects.ts';
import { configsOf, pathOfStack, rootStacksOf, type StackRow } from './heat/rows.ts';
import { trustedStack } from './heat/trusts.ts';
import { userReports } from './heat/user-reports.ts';
import { epochMillisOf, hasElapsed } from './kit/time.ts';

const MINUTE = 60_000;
/**
 * A deletion that takes longer than this counts as stuck, although the deletion of a large stack
 * can take longer.
 */
const STUCK_AFTER_MILLIS = 15 * MINUTE;
/**
 * Heat's own timeout for a deletion is one hour ([DEFAULT] stack_action_timeout). If a deletion
 * takes longer than this, the Heat engine that worked on the deletion has ended. The propagator
 * then requests the deletion again.
 */
const ABANDONED_AFTER_MILLIS = 70 * MINUTE;

/**
 * Stacks with all their resources and nested stacks. Heat searches keypairs, containers and queues
 * by name with the caller's token. With a token on another project, Heat does not find them and
 * does not remove them. The cleanup of the user then removes the keypairs, Swift's task the
 * containers, and Zaqar's task the queues. Heat also keeps resources with `deletion_policy:
 * Retain`.
 */
const stack = defineType({
  name: 'stack',
  blockers: [
    'Heat deletes some resources by name, with the token of the caller. A stack is ' +
      'blocked if the name of such a resource is also the name of one of these: a keypair, ' +
      "a Swift container or a queue of the propagator's own account, or a workflow or cron " +
      'trigger of another project.',
    'The propagator keeps a stack that contains one of these: a resource that belongs to the ' +
      'cloud or to another project (quota, flavor, Keystone resource), a workflow that runs at ' +
      'deletion, or an association (for example of a floating IP) that Heat has not ' +
      'finished. If an administrator deleted such a stack, Heat could change resources that the ' +
      'owner of the stack may not change.',
    'If a pre-delete hook is set, the deletion waits until an operator clears the hook.',
    'If another service refuses the deletion of a resource (DELETE_FAILED), the report ' +
      'shows the reason from Heat. Each run requests the deletion again.',
    'If the plugin of a resource type in the stack is no longer installed, Heat lists ' +
      'the stack but cannot load it for the deletion.',
  ],
  list: rootStacksOf,
  id: (row) => row.id,
  owner: (row) => row.project ?? undefined,
  label: (row) => row.stack_name,
  createdAt: (row) => epochMillisOf(row.creation_time),
  idsDeletedTogether: (row, { api }) =>
    row.stack_status === 'DELETE_IN_PROGRESS' ? [] : physicalIdsOf(row, api),
  async remove(row, context): Promise<Removal> {
    const isDeleting = row.stack_status === 'DELETE_IN_PROGRESS';
    const removal = isDeleting ? await inProgressRemoval(row, context) : undefined;
    if (removal) return removal;
    const effectBlocker = await foreignEffectBlocker(row, context);
    if (effectBlocker) return { kind: 'blocked', ...effectBlocker };
    // With a token on the project, Heat finds by name only resources of that project and keypairs
    // of the token's user.
    await (context.projectApi ?? context.api).request('DELETE', pathOfStack(row));
    if (row.stack_status === 'DELETE_FAILED') return { kind: 'blocked', ...failureBlocker(row) };
    return isDeleting ? { kind: 'accepted', stuckSince: changedAt(row) } : { kind: 'accepted' };
  },
});

/** Returns the time of the last change in epoch milliseconds. */
const changedAt = (row: StackRow): number => epochMillisOf(row.updated_time ?? row.creation_time);

/**
 * Returns the result for a deletion in progress, or `undefined` if Heat has abandoned the deletion
 * and it must be requested again.
 */
async function inProgressRemoval(
  row: StackRow,
  { api, now }: ProjectContext,
): Promise<Removal | undefined> {
  const since = changedAt(row);
  const takesLongerThan = (millis: number): boolean => hasElapsed(millis, since, now());
  if (!takesLongerThan(MINUTE)) return { kind: 'accepted' };
  const hookBlocker = await preDeleteHookBlocker(row, api);
  if (hookBlocker) return { kind: 'blocked', ...hookBlocker };
  if (takesLongerThan(ABANDONED_AFTER_MILLIS)) return undefined;
  return takesLongerThan(STUCK_AFTER_MILLIS)
    ? { kind: 'accepted', stuckSince: since }
    : { kind: 'accepted' };
}

const MAX_REASON_LENGTH = 300;

const failureBlocker = ({ stack_status_reason: reason }: StackRow) => ({
  message:
    'Heat could not delete the stack; the propagator requested the deletion again. ' +
    `Reason from Heat: ${(reason || 'none given').slice(0, MAX_REASON_LENGTH)}`,
  actor: 'operator' as const,
  advice:
    'Fix the cause that the reason names (openstack stack failures list STACK_ID). ' +
    'Each run requests the deletion again.',
});

const deploymentRow = z.object({
  id: z.string(),
  config_id: z.string(),
  server_id: z.string().nullish(),
});

/**
 * Deployments that are in no stack. A row names no owner, so its owner is the owner of its
 * configuration: Heat creates a deployment only for a configuration that the caller can see.
 */
const softwareDeployment = defineType({
  name: 'software-deployment',
  // Heat removes the deployments of a stack with the stack, and runs some of them during its
  // deletion.
  dependsOn: [{ types: ['stack'], strength: 'required', until: 'empty' }],
  async list(context) {
    const ownerByConfigId = new Map((await configsOf(context)).map((row) => [row.id, row.project]));
    if (ownerByConfigId.size === 0) return [];
    const path = '/software_deployments';
    const { rows } = await context.api.list(path, {
      collection: 'software_deployments',
      row: deploymentRow,
      paging: 'none',
    });
    return rows
      .filter((row) => ownerByConfigId.has(row.config_id))
      .map((row) => ({ ...row, owner: ownerByConfigId.get(row.config_id) }));
  },
  id: (row) => row.id,
  owner: (row) => row.owner ?? undefined,
  label: (row) => row.server_id ?? undefined,
  remove: (row, context) =>
    deleteResource(context, `/software_deployments/${encodeURIComponent(row.id)}`),
});

/**
 * Configurations that are in no stack. Heat answers 500 to a deletion while a deployment needs the
 * configuration.
 */
const softwareConfig = defineType({
  name: 'software-config',
  dependsOn: [{ types: ['stack', 'software-deployment'], strength: 'required', until: 'empty' }],
  list: configsOf,
  id: (row) => row.id,
  owner: (row) => row.project ?? undefined,
  label: (row) => row.name ?? undefined,
  remove: (row, context) =>
    deleteResource(context, `/software_configs/${encodeURIComponent(row.id)}`),
});

async function deleteResource({ api }: ProjectContext, path: string): Promise<Removal> {
  await api.request('DELETE', path);
  return { kind: 'gone' };
}

/**
 * Heat, Orchestration API v1. Its cleanup runs before those of the services whose resources a stack
 * contains, because Heat deletes the resources of a stack in the right order and recreates missing
 * resources. Any administrator can delete a stack. A token on the project is preferred, because
 * Heat then searches names only in that project.
 */
export const heat = defineService({
  name: 'heat',
  catalogTypes: ['orchestration'],
  // Heat's API that is compatible with CloudFormation shows the same stacks.
  catalogAliases: ['cloudformation'],
  preDelete: true,
  // Magnum and Tacker create stacks. They fail if another client deletes a stack before they do.
  dependsOn: [{ services: ['magnum', 'tacker'], strength: 'preferred', until: 'done' }],
  dependents: [
    {
      services: [
        'trove',
        'octavia',
        'manila',
        'designate',
        'zun',
        'mistral',
        'zaqar',
        'nova',
        'cinder',
        'neutron',
        'swift',
        'barbican',
      ],
      strength: 'preferred',
      until: 'done',
    },
  ],
  concurrency: 4,
  releases: [
    'Up to 24 (2025.1), the deletion of a stack does not depend on its owner, its ' +
      'project or its trust. Heat deletes the trust last. If this fails, Heat only logs the ' +
      'failure (seen on 19).',
    '25 (2025.2) logs in with the trust of the owner before it deletes a stack. If the owner or ' +
      'the project is deleted, the login fails, and Heat refuses the deletion. Clean up projects ' +
      'before their deletion, or upgrade to 26.',
    '26 (2026.1) creates a trust of the caller if the trust of the owner is gone. By default ' +
      'an application credential cannot create a trust, so the propagator must not log in ' +
      'with one. If the owner is disabled or has lost a role that the trust delegates, Keystone ' +
      'refuses the trust with 403, and Heat stops the deletion. After the project is disabled or ' +
      'deleted, Keystone answers 401, and Heat continues the deletion.',
    '19 to 21 with enforce_new_defaults refuse each call whose path names another project, even ' +
      'from an administrator. The propagator then reads one stack of any project. If the answer ' +
      'contains the project of the stack, Heat has recognized an administrator, and the ' +
      'propagator lists the stacks with the path of its own project.',
    'All: with deletion_policy: Retain, a nested stack remains when its parent is ' +
      'deleted, and Heat does not show it as a root stack. The propagator finds it and ' +
      'deletes it separately.',
  ],
  resourceTypes: [stack, softwareDeployment, softwareConfig],
  userResourceTypes: [trustedStack],
  userReports,
  leftBySuspend: [
    {
      types: ['stack'],
      because:
        "Heat's own suspend cannot be reversed exactly. The servers, load balancers and alarms " +
        'of a stack are suspended separately.',
      warns: {
        message:
          'suspend does not change stacks; after the resume, scaling and healing policies ' +
          'react to signals again',
        advice:
          'If a policy of the stack replaces stopped servers, suspend that policy first. ' +
          'Otherwise no action is necessary.',
      },
    },
    {
      types: ['software-deployment', 'software-config'],
      because: 'Only servers use it, and the servers are stopped.',
    },
  ],
});
