import * as z from 'zod';
import { type Blocker, defineService, defineType, type Removal } from '../task/service.ts';
import { hasStatus } from './kit/errors.ts';
import { defineQuota } from './kit/quota.ts';
import { cluster, clusterOfUser, clustersOf } from './magnum/cluster.ts';
import { provision } from './magnum/provision.ts';
import { userReports } from './magnum/user-reports.ts';

const templateRow = z.object({
  uuid: z.string(),
  name: z.string().nullish(),
  project_id: z.string().nullish(),
  public: z.boolean().nullish(),
});

/**
 * Cluster templates. Magnum answers 400 to the deletion of a template that a cluster of any project
 * uses. The listing therefore adds the clusters to each template.
 */
const template = defineType({
  name: 'cluster-template',
  dependsOn: [{ types: ['cluster'], strength: 'preferred', until: 'done' }],
  blockers: [
    'Other projects may use a public template, so an operator must decide about it.',
    'Magnum does not delete a template while a cluster that was created from it exists.',
  ],
  async list(context) {
    const { rows } = await context.api.list('/clustertemplates/detail', {
      collection: 'clustertemplates',
      row: templateRow,
      paging: 'next',
    });
    // Magnum cannot filter templates by project.
    const templateRows = rows.filter(
      (row) => row.project_id === context.project || !row.project_id,
    );
    if (templateRows.length === 0) return [];
    const clusters = await clustersOf(context);
    return templateRows.map((row) => ({
      ...row,
      clusters: clusters.filter((one) => one.cluster_template_id === row.uuid),
    }));
  },
  id: (row) => row.uuid,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked(row, { project }): Blocker | undefined {
    const foreignClusters = row.clusters.filter((one) => one.project_id !== project);
    if (foreignClusters.length > 0)
      return {
        message:
          `${foreignClusters.length} clusters of other projects were created from the template, ` +
          `for example ${foreignClusters[0]?.uuid}`,
        actor: 'other-project',
        advice:
          'The propagator deletes the template when these clusters are deleted. Magnum ' +
          'cannot move a template to another project.',
      };
    // Only an administrator can make a template public.
    if (row.public)
      return {
        message: 'the template is public: other projects may create clusters from it',
        actor: 'operator',
        advice:
          'Make the template private (openstack coe cluster template update TEMPLATE replace ' +
          'public=False), or delete it (openstack coe cluster template delete TEMPLATE).',
      };
    return row.clusters.length > 0
      ? {
          message: 'the clusters that were created from the template must be deleted first',
          actor: 'none',
        }
      : undefined;
  },
  async remove(row, { api }): Promise<Removal> {
    try {
      await api.request('DELETE', `/clustertemplates/${encodeURIComponent(row.uuid)}`);
    } catch (error) {
      if (!hasStatus(error, 400)) throw error;
      return {
        kind: 'blocked',
        message: error.message,
        actor: 'operator',
        advice:
          'Find the cluster that was created from the template after the listing, and ' +
          'delete it.',
      };
    }
    return { kind: 'gone' };
  },
});

const quotaRow = z.object({
  id: z.number().nullish(),
  project_id: z.string().nullish(),
  hard_limit: z.number(),
});
const pathOfQuota = (project: string): string => `/quotas/${encodeURIComponent(project)}/Cluster`;

/**
 * The limit of clusters, which is Magnum's only limit. The limit is reset last: the default limit
 * would permit new clusters where the project's own limit is 0.
 */
const quota = defineQuota({
  dependsOn: [{ types: ['cluster'], strength: 'required', until: 'empty' }],
  async list({ api, project }) {
    const row = quotaRow.parse((await api.request('GET', pathOfQuota(project))).json);
    // If the project has no limit, Magnum shows the default, which has no id.
    return row.id === undefined || row.id === null ? [] : [row];
  },
  id: (row) => String(row.id),
  owner: (row) => row.project_id ?? undefined,
  label: (row) => `clusters: ${row.hard_limit}`,
  async reset(_row, { api, project }) {
    await api.request('DELETE', pathOfQuota(project));
    return undefined;
  },
});

/**
 * Magnum, Container Infrastructure Management API v1. The propagator sends no microversion, because
 * no microversion changes the calls that it uses. Magnum's cleanup runs in phase `pre-delete`: the
 * drivers use a trust (Heat) or an application credential (Cluster API) of the cluster's creator,
 * which Keystone removes with the project or the user. When Magnum deletes a cluster, it does not
 * delete the resources that Kubernetes has created: volumes, snapshots, load balancers, floating
 * IPs and security groups. The tasks of Octavia, Cinder and Neutron remove these resources.
 */
export const magnum = defineService({
  name: 'magnum',
  catalogTypes: [
    'container-infrastructure-management',
    'container-infra',
    'container-infrastructure',
  ],
  dependents: [
    {
      services: ['heat', 'octavia', 'neutron', 'cinder', 'nova', 'barbican'],
      strength: 'preferred',
      until: 'done',
    },
  ],
  preDelete: true,
  releases: [
    'Before Queens an administrator cannot list the clusters of other projects, and ' +
      'cannot see their owners.',
    'Before Ussuri Magnum answers 404 for a project without a limit.',
    'Up to 2026.1, a cluster of the Heat driver whose trust no longer works stays ' +
      'in DELETE_IN_PROGRESS after its stack is deleted. The propagator then repeats ' +
      'the deletion.',
    '2026.2 no longer has the Heat driver. Delete its clusters before the upgrade.',
  ],
  resourceTypes: [cluster, template, quota],
  userResourceTypes: [clusterOfUser],
  userReports,
  leftBySuspend: [
    {
      types: ['cluster'],
      because:
        'The nodes are servers of the project, and these servers are stopped. Before you disable ' +
        'the project, pause each Cluster API cluster: its health checks replace stopped nodes.',
      warns: {
        message:
          'the nodes of a cluster are stopped as servers; health checks and auto-healing may ' +
          'replace them after the resume',
        advice:
          'Pause the cluster (Cluster API: spec.paused in the management cluster), or disable ' +
          'its auto-healing. Do this before the nodes are stopped, or else before the project is ' +
          'enabled again.',
      },
    },
    {
      types: ['cluster-template', 'quota'],
      because: 'It applies only to new clusters.',
    },
  ],
  provision,
});
