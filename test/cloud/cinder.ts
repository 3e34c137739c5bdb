import * as z from 'zod';
import { backupRoutes, groupRoutes } from './cinder-groups.ts';
import { accepted, isTrue } from './cinder-shape.ts';
import { transferRoutes } from './cinder-transfers.ts';
import { defaultTypeRoutes, typeRoutes } from './cinder-types.ts';
import { volumeRoutes } from './cinder-volumes.ts';
import { atLeast, fault, htmlNotFound, microversion } from './compute-fault.ts';
import { body, type Call, type Front, param, Refusal, Routes } from './http.ts';
import type { CloudState } from './state.ts';
import { ownProject, requireAdmin, tokenOf } from './tokens.ts';

/** Cinder v3 as of version 21 (Zed). */
export function cinder(state: CloudState): Front {
  const range = { lowest: '3.0', highest: state.options.microversions.volume };
  const version = (call: Call): string => microversion(call, 'volume', range);
  const routes = new Routes();
  volumeRoutes(state, routes);
  groupRoutes(state, routes);
  backupRoutes(state, routes);
  transferRoutes(state, routes);
  quotaRoutes(state, routes);
  typeRoutes(state, routes);
  const defaultTypes = defaultTypeRoutes(state);
  const versions = (call: Call) => [
    {
      id: 'v3.0',
      status: 'CURRENT',
      version: range.highest,
      min_version: range.lowest,
      updated: '2022-08-31T00:00:00Z',
      links: [{ rel: 'self', href: `${call.base}/v3/` }],
    },
  ];

  return {
    name: 'cinder',
    handle(call) {
      if (call.path === '/') return { status: 300, json: { versions: versions(call) } };
      call.token = tokenOf(state, call.headers['x-auth-token']);
      if (call.path === '/v3' || call.path === '/v3/')
        return { status: 200, json: { versions: versions(call) } };
      if (!call.token) throw new Refusal(401, '');
      const own = ownProject(call.token);
      if (!atLeast(range.highest, version(call)))
        throw new Refusal(
          406,
          `Version ${version(call)} is not supported by the API. Minimum is ${range.lowest} and maximum is ${range.highest}.`,
        );
      const [, , first = '', ...rest] = call.path.split('/');
      // Default types have no project in their path. From 3.67 on no path needs the project.
      if (first === 'default-types' && atLeast(version(call), '3.62'))
        return defaultTypes.find(call, call.path.slice('/v3'.length))?.(call) ?? htmlNotFound;
      const withProject = /^[0-9a-f]{32}$/.test(first);
      if (withProject && first !== own) throw new Refusal(400, 'Malformed request url');
      if (!withProject && !atLeast(version(call), '3.67'))
        throw new Refusal(400, 'Malformed request url');
      const path = withProject ? `/${rest.join('/')}` : `/${[first, ...rest].join('/')}`;
      return routes.find(call, path)?.(call) ?? htmlNotFound;
    },
    refuse: (refusal, call) => fault(refusal, call, 'application/json'),
    headers(call, reply) {
      const id = { 'x-openstack-request-id': call.requestId };
      if (reply === htmlNotFound) return id;
      return {
        ...id,
        ...(reply !== accepted && { 'x-compute-request-id': call.requestId }),
        ...(reply.json === undefined && { 'Content-Type': 'application/json' }),
        'OpenStack-API-Version': `volume ${version(call)}`,
        Vary: 'OpenStack-API-Version',
      };
    },
  };
}

const defaultQuota: Record<string, number> = {
  volumes: 100_000,
  per_volume_gigabytes: -1,
  snapshots: 100_000,
  gigabytes: 10_000_000,
  backups: 10,
  backup_gigabytes: 1000,
  volumes___DEFAULT__: -1,
  gigabytes___DEFAULT__: -1,
  snapshots___DEFAULT__: -1,
  groups: 10,
};

/** Cinder does not check whether the project exists. */
function quotaRoutes(state: CloudState, routes: Routes): void {
  const { quotas, volumes, snapshots, backups, groups } = state.storage;
  const limits = (project: string): Record<string, number> => ({
    ...defaultQuota,
    ...quotas.get(project)?.values,
  });
  const usage = (project: string): Record<string, number> => {
    const own = {
      volumes: volumes.where((row) => row.project_id === project),
      snapshots: snapshots.where((row) => row.project_id === project),
      backups: backups.where((row) => row.project_id === project),
    };
    const size = (rows: { size: number }[]): number => rows.reduce((sum, row) => sum + row.size, 0);
    const gigabytes = size(own.volumes) + size(own.snapshots);
    return {
      volumes: own.volumes.length,
      snapshots: own.snapshots.length,
      backups: own.backups.length,
      gigabytes,
      backup_gigabytes: size(own.backups),
      groups: groups.where((row) => row.project_id === project).length,
      volumes___DEFAULT__: own.volumes.length,
      gigabytes___DEFAULT__: gigabytes,
      snapshots___DEFAULT__: own.snapshots.length,
    };
  };
  routes
    .on('GET', '/os-quota-sets/:project', (call) => {
      const project = param(call, 'project');
      const used = usage(project);
      const set = Object.entries(limits(project)).map(([name, limit]) => [
        name,
        isTrue(call.query.get('usage')) ? { limit, in_use: used[name] ?? 0, reserved: 0 } : limit,
      ]);
      return { status: 200, json: { quota_set: { ...Object.fromEntries(set), id: project } } };
    })
    .on('GET', '/os-quota-sets/:project/defaults', (call) => ({
      status: 200,
      json: { quota_set: { ...defaultQuota, id: param(call, 'project') } },
    }))
    .on('PUT', '/os-quota-sets/:project', (call) => {
      requireAdmin(call.token, 'volume_extension:quotas:update');
      const project = param(call, 'project');
      const { quota_set } = body(call, z.object({ quota_set: z.record(z.string(), z.number()) }));
      quotas.add({ id: project, values: { ...quotas.get(project)?.values, ...quota_set } });
      return { status: 200, json: { quota_set: limits(project) } };
    })
    .on('DELETE', '/os-quota-sets/:project', (call) => {
      requireAdmin(call.token, 'volume_extension:quotas:delete');
      quotas.delete(param(call, 'project'));
      return { status: 200 };
    })
    .on('GET', '/os-quota-class-sets/default', () => ({
      status: 200,
      json: { quota_class_set: { ...defaultQuota, id: 'default' } },
    }));
}
