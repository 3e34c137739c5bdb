import * as z from 'zod';
import { newestFirst } from './compute-fault.ts';
import { body, type Call, type Front, param, Refusal, type Reply, Routes } from './http.ts';
import { isoSeconds, uuid } from './resource-store.ts';
import type { Image, Namespace } from './rows.ts';
import type { CloudState } from './state.ts';
import { isAdmin, ownProject, tokenOf } from './tokens.ts';

const titles: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** Glance v2 as of version 25 (Zed). Its errors are HTML. */
export function glance(state: CloudState): Front {
  const routes = new Routes();
  imageRoutes(state, routes);
  memberRoutes(state, routes);
  namespaceRoutes(state, routes);
  routes.on('GET', '/v2/tasks', (call) => ({
    status: 200,
    json: { tasks: [], first: call.path + call.search, schema: '/v2/schemas/tasks' },
  }));
  const versions = (call: Call) => ({
    versions: [
      { id: 'v2.15', status: 'CURRENT', links: [{ rel: 'self', href: `${call.base}/v2/` }] },
    ],
  });
  return {
    name: 'glance',
    handle(call) {
      if (call.path === '/') return { status: 300, json: versions(call) };
      if (call.path === '/versions') return { status: 200, json: versions(call) };
      call.token = tokenOf(state, call.headers['x-auth-token']);
      if (!call.token)
        throw new Refusal(
          401,
          'This server could not verify that you are authorized to access the document you requested.',
        );
      ownProject(call.token);
      const handler = routes.find(call, call.path);
      if (!handler) throw new Refusal(404, 'The resource could not be found.');
      return handler(call);
    },
    refuse({ status, message, headers }, call) {
      const title = `${status} ${titles[status] ?? 'Error'}`;
      const text = `<html>\n <head>\n  <title>${title}</title>\n </head>\n <body>\n  <h1>${title}</h1>\n  ${message}<br /><br />\n\n\n\n </body>\n</html>`;
      return {
        status,
        text,
        headers: {
          ...headers,
          'Content-Type': 'text/html; charset=UTF-8',
          ...(status === 401 && { 'WWW-Authenticate': `Keystone uri="${call.base}"` }),
        },
      };
    },
    headers: (call) => ({ 'x-openstack-request-id': call.requestId }),
  };
}

const show = (row: Image) => ({
  name: row.name,
  disk_format: 'raw',
  container_format: 'bare',
  visibility: row.visibility,
  size: row.size,
  virtual_size: row.size,
  status: row.status,
  checksum: null,
  protected: row.protected,
  min_ram: 0,
  min_disk: 0,
  owner: row.owner,
  os_hidden: row.os_hidden,
  os_hash_algo: null,
  os_hash_value: null,
  id: row.id,
  created_at: isoSeconds(row.created_at),
  updated_at: isoSeconds(row.updated_at),
  tags: [],
  self: `/v2/images/${row.id}`,
  file: `/v2/images/${row.id}/file`,
  schema: '/v2/schemas/image',
});

const noContent: Reply = { status: 204, headers: { 'Content-Type': 'text/html; charset=UTF-8' } };
const visibilities = ['public', 'private', 'shared', 'community', 'all'];
const control = new Set([
  'limit',
  'marker',
  'sort',
  'sort_key',
  'sort_dir',
  'member_status',
  'visibility',
  'os_hidden',
]);

/** A page has 25 images by default and at most 1000. A full page has the path of the `next` one. */
function page(
  call: Call,
  rows: { key: string; row: unknown }[],
  plural: string,
  schema: string,
): Reply {
  const limit = Math.min(Number(call.query.get('limit') ?? 25), 1000);
  const marker = call.query.get('marker');
  const at = marker === null ? -1 : rows.findIndex((each) => each.key === marker);
  if (marker !== null && at < 0) throw new Refusal(400, `No image found with ID ${marker}`);
  const shown = rows.slice(at + 1, at + 1 + limit);
  const query = new URLSearchParams(
    [...new URLSearchParams(call.search)].filter(([name]) => name !== 'marker'),
  );
  const first = query.size > 0 ? `${call.path}?${query}` : call.path;
  const last = shown.at(-1);
  const next =
    last && shown.length === limit
      ? { next: `${call.path}?${new URLSearchParams([...query, ['marker', last.key]])}` }
      : {};
  return { status: 200, json: { [plural]: shown.map((each) => each.row), first, ...next, schema } };
}

/**
 * For an administrator, a filter by owner hides two groups of images. Community images appear only
 * if `visibility` names them (or is `all`). Hidden images appear only with `os_hidden=true`, and
 * then alone.
 */
function list(state: CloudState, call: Call): Reply {
  const visibility = call.query.get('visibility');
  if (visibility !== null && !visibilities.includes(visibility))
    throw new Refusal(400, `Invalid visibility value: ${visibility}`);
  const hidden = (call.query.get('os_hidden') ?? 'false').toLowerCase() === 'true';
  const own = ownProject(call.token);
  const wanted = [...call.query].filter(([name]) => !control.has(name));
  const owner = call.query.get('owner');
  const rows = state.images.images.where((row) => {
    if (row.os_hidden !== hidden) return false;
    if (owner !== null && row.owner !== owner) return false;
    if (
      visibility === null
        ? row.visibility === 'community' && row.owner !== own
        : visibility !== 'all' && row.visibility !== visibility
    )
      return false;
    if (
      !isAdmin(call.token) &&
      row.owner !== own &&
      !['public', 'community'].includes(row.visibility)
    )
      return false;
    // An unknown attribute of an image is treated as a property that no image has.
    return wanted.every(
      ([name, value]) =>
        String(Object.entries(show(row)).find(([key]) => key === name)?.[1]) === value,
    );
  });
  return page(
    call,
    newestFirst(rows).map((row) => ({ key: row.id, row: show(row) })),
    'images',
    '/v2/schemas/images',
  );
}

const newImage = z.object({
  name: z.string().default(''),
  owner: z.string().optional(),
  visibility: z.string().default('shared'),
  protected: z.boolean().default(false),
  os_hidden: z.boolean().default(false),
});
const patch = z.array(
  z.object({ op: z.enum(['replace', 'add', 'remove']), path: z.string(), value: z.unknown() }),
);

function imageRoutes(state: CloudState, routes: Routes): void {
  const { images } = state.images;
  const image = (
    call: Call,
    missing: (id: string) => string = (id) => `No image found with ID ${id}`,
  ): Image => {
    const row = images.get(param(call, 'id'));
    if (!row) throw new Refusal(404, missing(param(call, 'id')));
    return row;
  };
  routes
    .on('GET', '/v2/images', (call) => list(state, call))
    .on('POST', '/v2/images', (call) => {
      const input = body(call, newImage);
      const now = state.clock.now();
      const row = images.add({
        ...input,
        id: uuid(),
        owner: input.owner ?? ownProject(call.token),
        status: 'queued',
        size: null,
        members: new Map(),
        inUse: false,
        created_at: now,
        updated_at: now,
      });
      return {
        status: 201,
        headers: { Location: `${call.base}/v2/images/${row.id}` },
        json: show(row),
      };
    })
    .on('GET', '/v2/images/:id', (call) => ({ status: 200, json: show(image(call)) }))
    .on('PUT', '/v2/images/:id/file', (call) => {
      image(call).status = 'active';
      return { status: 204 };
    })
    .on('PATCH', '/v2/images/:id', (call) => {
      const row = image(call);
      if (
        !/^application\/openstack-images-v2\.[01]-json-patch/.test(
          call.headers['content-type'] ?? '',
        )
      )
        throw new Refusal(
          415,
          `The request media type ${call.headers['content-type']} is not supported by this server.`,
          {
            headers: {
              'Accept-Patch':
                'application/openstack-images-v2.0-json-patch, application/openstack-images-v2.1-json-patch',
            },
          },
        );
      for (const { path, value } of body(call, patch)) {
        if (path === '/protected') row.protected = z.boolean().parse(value);
        if (path === '/os_hidden') row.os_hidden = z.boolean().parse(value);
        if (path === '/visibility') row.visibility = z.string().parse(value);
      }
      row.updated_at = state.clock.now();
      return { status: 200, json: show(row) };
    })
    .on('DELETE', '/v2/images/:id', (call) => {
      const row = image(call, (id) => `Failed to find image ${id} to delete`);
      if (row.protected)
        throw new Refusal(403, `Image ${row.id} is protected and cannot be deleted.`);
      if (row.inUse)
        throw new Refusal(
          409,
          `Image ${row.id} could not be deleted because it is in use: The image cannot be deleted because it is in use through the backend store outside of Glance.`,
        );
      if (!call.endless) images.delete(row.id);
      return noContent;
    })
    .on('POST', '/v2/images/:id/actions/deactivate', (call) => {
      image(call).status = 'deactivated';
      return { status: 204 };
    })
    .on('POST', '/v2/images/:id/actions/reactivate', (call) => {
      image(call).status = 'active';
      return { status: 204 };
    });
}

/** Only shared images have members. For any other image Glance answers 403. */
function memberRoutes(state: CloudState, routes: Routes): void {
  const shared = (call: Call): Image => {
    const row = state.images.images.get(param(call, 'id'));
    if (!row) throw new Refusal(404, `No image found with ID ${param(call, 'id')}`);
    if (row.visibility !== 'shared')
      throw new Refusal(
        403,
        `Not allowed to list members for image ${row.id}: Only shared images have members.`,
      );
    return row;
  };
  const showMember = (row: Image, [member_id, status]: [string, string]) => ({
    member_id,
    image_id: row.id,
    status,
    created_at: isoSeconds(row.created_at),
    updated_at: isoSeconds(row.created_at),
    schema: '/v2/schemas/member',
  });
  routes
    .on('GET', '/v2/images/:id/members', (call) => {
      const row = shared(call);
      return {
        status: 200,
        json: {
          members: [...row.members].map((each) => showMember(row, each)),
          schema: '/v2/schemas/members',
        },
      };
    })
    .on('POST', '/v2/images/:id/members', (call) => {
      const row = shared(call);
      const { member } = body(call, z.object({ member: z.string() }));
      row.members.set(member, 'pending');
      return { status: 200, json: showMember(row, [member, 'pending']) };
    })
    .on('DELETE', '/v2/images/:id/members/:member', (call) => {
      const row = shared(call);
      if (!row.members.delete(param(call, 'member')))
        throw new Refusal(
          404,
          `${param(call, 'member')} not found in the member list of the image ${row.id}.`,
        );
      return { status: 204 };
    });
}

const newNamespace = z.object({
  namespace: z.string(),
  owner: z.string().optional(),
  visibility: z.string().default('private'),
  protected: z.boolean().default(false),
});

function namespaceRoutes(state: CloudState, routes: Routes): void {
  const { namespaces } = state.images;
  const showNamespace = (row: Namespace) => ({
    namespace: row.id,
    visibility: row.visibility,
    protected: row.protected,
    owner: row.owner,
    created_at: isoSeconds(row.created_at),
    updated_at: isoSeconds(row.created_at),
    self: `/v2/metadefs/namespaces/${row.id}`,
    schema: '/v2/schemas/metadefs/namespace',
  });
  const namespace = (call: Call): Namespace => {
    // Glance reads the path as Latin-1, and none of its routes accepts a slash. Such names can be
    // created, but no path leads to them (seen on 25.1).
    const name = Buffer.from(param(call, 'name'), 'utf8').toString('latin1');
    const row = name.includes('/') ? undefined : namespaces.get(name);
    if (!row) throw new Refusal(404, `Namespace ${name} not found`);
    return row;
  };
  routes
    .on('GET', '/v2/metadefs/namespaces', (call) =>
      page(
        call,
        namespaces.all().map((row) => ({ key: row.id, row: showNamespace(row) })),
        'namespaces',
        '/v2/schemas/metadefs/namespaces',
      ),
    )
    .on('POST', '/v2/metadefs/namespaces', (call) => {
      const { namespace: id, owner = ownProject(call.token), ...input } = body(call, newNamespace);
      return {
        status: 201,
        headers: { Location: `${call.base}/v2/metadefs/namespaces/${id}` },
        json: showNamespace(namespaces.add({ ...input, id, owner, created_at: state.clock.now() })),
      };
    })
    .on('GET', '/v2/metadefs/namespaces/:name', (call) => ({
      status: 200,
      json: showNamespace(namespace(call)),
    }))
    .on('PUT', '/v2/metadefs/namespaces/:name', (call) => {
      const row = namespace(call);
      const input = body(call, newNamespace);
      row.protected = input.protected;
      row.visibility = input.visibility;
      // A missing field gets its default. Without an owner, the namespace goes to the caller's
      // project (seen on 25.1).
      row.owner = input.owner ?? ownProject(call.token);
      return { status: 200, json: showNamespace(row) };
    })
    .on('DELETE', '/v2/metadefs/namespaces/:name', (call) => {
      const row = namespace(call);
      if (row.protected)
        throw new Refusal(
          403,
          `Metadata definition namespace ${row.id} is protected and cannot be deleted.`,
        );
      namespaces.delete(row.id);
      return noContent;
    });
}
