import * as z from 'zod';
import { accepted } from './cinder-shape.ts';
import { find } from './cinder-volumes.ts';
import { action, body, type Call, param, Refusal, type Reply, Routes } from './http.ts';
import { uuid } from './resource-store.ts';
import type { VolumeType } from './rows.ts';
import type { CloudState } from './state.ts';

export function typeRoutes(state: CloudState, routes: Routes): void {
  const { types, groupTypes } = state.storage;
  const show = (row: VolumeType) => ({
    id: row.id,
    name: row.name,
    is_public: row.is_public,
    description: row.description,
    extra_specs: {},
    qos_specs_id: null,
    'os-volume-type-access:is_public': row.is_public,
  });
  const type = (call: Call): VolumeType =>
    find(types.get(param(call, 'id')), `Volume type ${param(call, 'id')}`);
  routes
    .on('GET', '/types', (call) => {
      const wanted = (call.query.get('is_public') ?? 'true').toLowerCase();
      return {
        status: 200,
        json: {
          volume_types: types
            .where((row) => wanted === 'none' || String(row.is_public) === wanted)
            .map(show),
        },
      };
    })
    .on('POST', '/types', (call) => {
      const input = body(
        call,
        z.object({
          volume_type: z.object({
            name: z.string(),
            'os-volume-type-access:is_public': z.boolean().default(true),
          }),
        }),
      ).volume_type;
      const row = types.add({
        id: uuid(),
        name: input.name,
        is_public: input['os-volume-type-access:is_public'],
        description: null,
        access: new Set(),
      });
      const { qos_specs_id: _, ...shown } = show(row);
      return { status: 200, json: { volume_type: shown } };
    })
    .on('DELETE', '/types/:id', (call) => {
      types.delete(type(call).id);
      return accepted;
    })
    .on('GET', '/types/:id/os-volume-type-access', (call) => {
      const row = type(call);
      if (row.is_public)
        throw new Refusal(404, 'Access list not available for public volume types.');
      return {
        status: 200,
        json: {
          volume_type_access: [...row.access].map((project_id) => ({
            volume_type_id: row.id,
            project_id,
          })),
        },
      };
    })
    .on('POST', '/types/:id/action', (call) => {
      const row = type(call);
      const [what, input] = action(call);
      const { project } = z.object({ project: z.string() }).parse(input);
      if (what === 'addProjectAccess') row.access.add(project);
      else if (!row.access.delete(project))
        throw new Refusal(
          404,
          `Volume type access not found for ${row.id} / ${project} combination.`,
        );
      return accepted;
    })
    .on('GET', '/group_types', () => ({
      status: 200,
      json: {
        group_types: groupTypes.all().map(({ id, name, is_public, description }) => ({
          id,
          name,
          description,
          is_public,
          group_specs: {},
        })),
      },
    }))
    .on('POST', '/group_types', (call) => {
      const { name } = body(
        call,
        z.object({ group_type: z.object({ name: z.string() }) }),
      ).group_type;
      const row = groupTypes.add({
        id: uuid(),
        name,
        is_public: true,
        description: null,
        access: new Set(),
      });
      return {
        status: 202,
        json: {
          group_type: { id: row.id, name, description: null, is_public: true, group_specs: {} },
        },
      };
    })
    .on('DELETE', '/group_types/:id', (call) => {
      groupTypes.delete(param(call, 'id'));
      return accepted;
    });
  state.store.source('cinder.type-access', (project) =>
    types.all().flatMap((row) =>
      [...row.access]
        .filter((id) => project === undefined || id === project)
        .map((owner) => ({
          resourceType: 'cinder.type-access',
          id: `${row.id}/${owner}`,
          owner,
          label: row.name,
        })),
    ),
  );
}

/**
 * Cinder asks Keystone about the project in each of these calls. An option sets the answer to a
 * deletion for a project that no longer exists.
 */
export function defaultTypeRoutes(state: CloudState): Routes {
  const { defaultTypes, types } = state.storage;
  const known = (call: Call): string => {
    const project = param(call, 'project');
    if (!state.identity.projects.get(project))
      throw new Refusal(404, `Project with id ${project} not found.`);
    return project;
  };
  const show = (row: { id: string; type: string }) => ({
    project_id: row.id,
    volume_type_id: row.type,
  });
  return new Routes()
    .on('GET', '/default-types', () => ({
      status: 200,
      json: { default_types: defaultTypes.all().map(show) },
    }))
    .on('GET', '/default-types/:project', (call): Reply => {
      const row = defaultTypes.get(known(call));
      if (!row)
        throw new Refusal(404, `Default type for project ${param(call, 'project')} not found.`);
      return { status: 200, json: { default_type: show(row) } };
    })
    .on('PUT', '/default-types/:project', (call) => {
      const { volume_type } = body(
        call,
        z.object({ default_type: z.object({ volume_type: z.string() }) }),
      ).default_type;
      const [type] = types.where((row) => row.id === volume_type || row.name === volume_type);
      return {
        status: 200,
        json: {
          default_type: show(
            defaultTypes.add({
              id: known(call),
              type: find(type, `Volume type ${volume_type}`).id,
            }),
          ),
        },
      };
    })
    .on('DELETE', '/default-types/:project', (call) => {
      defaultTypes.delete(
        state.options.defaultTypesOfGoneProjects ? param(call, 'project') : known(call),
      );
      return { status: 204 };
    });
}
