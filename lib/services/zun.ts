import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import { defineService, defineType, type ProjectContext, type Removal } from '../task/service.ts';
import { defineProjectQuota, differingLimits, limitsRows } from './kit/quota.ts';
import { epochMillisOf } from './kit/time.ts';
import { containerSuspension } from './zun/suspend.ts';

/**
 * A deletion that takes longer than this counts as stuck. On a running host, Zun deletes a
 * container within seconds.
 */
const STUCK_AFTER_MILLIS = 900_000;

const containerRow = z.object({
  uuid: z.string(),
  name: z.string().nullish(),
  project_id: z.string().nullish(),
  status: z.string().nullish(),
  task_state: z.string().nullish(),
  host: z.string().nullish(),
  updated_at: z.string().nullish(),
});
type ContainerRow = z.infer<typeof containerRow>;

const pathOf = (collection: string, { uuid }: { readonly uuid: string }): string =>
  `/v1/${collection}/${encodeURIComponent(uuid)}`;
const IN_ALL_PROJECTS = { all_projects: true };

/**
 * Removes a container or capsule. If its host is down, Zun answers 500 without a reason, so the
 * blocker names the host.
 */
async function removeFromHost(
  resourcePath: string,
  row: Pick<ContainerRow, 'host'>,
  query: Record<string, boolean>,
  { api }: ProjectContext,
): Promise<Removal> {
  try {
    await api.request('DELETE', resourcePath, { query });
    return { kind: 'accepted' };
  } catch (error) {
    if (!(error instanceof PropagatorError) || error.report.status !== 500 || !row.host)
      throw error;
    return {
      kind: 'blocked',
      message: `Zun answered 500; the usual cause is that zun-compute on ${row.host} is down`,
      actor: 'operator',
      advice:
        `Start zun-compute on ${row.host}. If it runs, search the log of zun-api for ` +
        `${error.report.requestId ?? 'the time of the call'}.`,
    };
  }
}

const container = defineType<ContainerRow>({
  name: 'container',
  blockers: [
    'Zun cannot delete a paused container, even by force. The propagator first resumes it.',
    'While zun-compute on a host is down, Zun deletes nothing on that host and answers 500.',
  ],
  async list({ api, project }) {
    const query = { ...IN_ALL_PROJECTS, project_id: project };
    return (
      await api.list('/v1/containers', {
        collection: 'containers',
        row: containerRow,
        paging: 'next',
        query,
      })
    ).rows;
  },
  id: (row) => row.uuid,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  async remove(row, context): Promise<Removal> {
    const changedAt = epochMillisOf(row.updated_at);
    const isDeleting = row.status === 'Deleting' || row.task_state === 'container_deleting';
    const isStuck = isDeleting && context.now() - changedAt > STUCK_AFTER_MILLIS;
    if (isDeleting && !isStuck) return { kind: 'accepted' };
    if (row.status === 'Paused') {
      if (row.task_state !== 'container_unpausing')
        await context.api.request('POST', `${pathOf('containers', row)}/unpause`);
      return { kind: 'accepted' };
    }
    const removal = await removeFromHost(
      pathOf('containers', row),
      row,
      { ...IN_ALL_PROJECTS, force: true },
      context,
    );
    return removal.kind === 'accepted' && isStuck
      ? { kind: 'accepted', stuckSince: changedAt }
      : removal;
  },
});

/**
 * Capsules with their containers. For capsules, Zun has no filter and no forced deletion. The list
 * of containers does not contain the containers of capsules.
 */
const capsule = defineType<ContainerRow>({
  name: 'capsule',
  blockers: [
    'While zun-compute on a host is down, Zun deletes nothing on that host and answers 500.',
  ],
  async list({ api, project }) {
    const { rows } = await api.list('/v1/capsules', {
      collection: 'capsules',
      row: containerRow,
      paging: 'next',
      query: IN_ALL_PROJECTS,
    });
    return rows.filter((row) => row.project_id === project || row.project_id === undefined);
  },
  id: (row) => row.uuid,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  remove: (row, context) => removeFromHost(pathOf('capsules', row), row, IN_ALL_PROJECTS, context),
});

const registryRow = z.object({
  uuid: z.string(),
  name: z.string().nullish(),
  project_id: z.string().nullish(),
});

/** Image registries with their passwords. */
const registry = defineType({
  name: 'registry',
  dependsOn: [{ types: ['container', 'capsule'], strength: 'preferred', until: 'done' }],
  blockers: [
    'Zun does not delete a registry while containers that were created from it exist (409).',
  ],
  async list({ api, project }) {
    const query = { ...IN_ALL_PROJECTS, project_id: project };
    return (
      await api.list('/v1/registries', {
        collection: 'registries',
        row: registryRow,
        paging: 'next',
        query,
      })
    ).rows;
  },
  id: (row) => row.uuid,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  async remove(row, { api }): Promise<Removal> {
    const answer = await api.request('DELETE', pathOf('registries', row), { accept: [409] });
    if (answer.status !== 409) return { kind: 'gone' };
    return {
      kind: 'blocked',
      message: 'a container that was created from the registry still exists',
      actor: 'none',
    };
  },
});

const quotaBody = z.record(z.string(), z.number());

/**
 * Limits that were set for the project, which are reset last. Zun does not ask Keystone whether the
 * project exists. Zun's answer names no owner, so the owner is the project of the path.
 */
const quota = defineProjectQuota({
  dependsOn: [{ types: ['container', 'capsule'], strength: 'required', until: 'empty' }],
  async list({ api, project }) {
    const quotaPath = `/v1/quotas/${encodeURIComponent(project)}`;
    const [limitsAnswer, defaultsAnswer] = await Promise.all([
      api.request('GET', quotaPath),
      api.request('GET', `${quotaPath}/defaults`),
    ]);
    const limits = quotaBody.parse(limitsAnswer.json);
    const defaults = quotaBody.parse(defaultsAnswer.json);
    return limitsRows(project, differingLimits(limits, defaults));
  },
  async reset(row, { api }) {
    await api.request('DELETE', `/v1/quotas/${encodeURIComponent(row.project)}`);
    return undefined;
  },
});

/**
 * Zun, API v1. Since microversion 1.32 (Stein), capsules have a name and are deleted in the
 * background. Zun's cleanup runs before those of Neutron and Cinder, because Zun releases the ports
 * and volumes of a container. If the ports and volumes were removed first, the container would
 * change to an error state.
 */
export const zun = defineService({
  name: 'zun',
  catalogTypes: ['application-container', 'container'],
  dependents: [{ services: ['neutron', 'cinder'], strength: 'preferred', until: 'done' }],
  microversion: { header: 'container', floor: '1.32', ceiling: '1.40' },
  resourceTypes: [container, capsule, registry, quota],
  suspension: { suspendAfter: ['aodh', 'octavia', 'swift'], types: [containerSuspension] },
  releases: [
    'The propagator does not support releases before Stein (microversion 1.32).',
    'Images that Zun pulled to its hosts, and the Docker networks that it created ' +
      'for Neutron networks, belong to the operator. No API lists these Docker ' +
      'networks.',
  ],
  leftBySuspend: [
    {
      types: ['capsule'],
      because: 'Zun cannot stop a capsule, only delete it.',
    },
    {
      types: ['registry', 'quota'],
      because: 'It applies only to new containers.',
    },
  ],
});
