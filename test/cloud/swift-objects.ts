import { type Call, Refusal, type Reply } from './http.ts';
import { isoMicros } from './resource-store.ts';
import type { CloudState } from './state.ts';
import { deleteWithOldVersioning } from './swift-old-versions.ts';
import { type Account, type Container, put, type StoredObject } from './swift-state.ts';

/** Timestamps of Swift: seconds with five decimals. No two are equal. */
let ticks = 0;
const timestamp = (now: number): string => (now / 1000 + (ticks++ % 90_000) / 1e5 / 10).toFixed(5);

export const html = (
  status: number,
  title: string,
  words: string,
  headers: Record<string, string> = {},
): Reply => ({
  status,
  headers: { 'Content-Type': 'text/html; charset=UTF-8', ...headers },
  text: `<html><h1>${title}</h1><p>${words}</p></html>`,
});
export const notFound = (): Reply => html(404, 'Not Found', 'The resource could not be found.');
export const empty = (status: number, headers: Record<string, string> = {}): Reply => ({
  status,
  headers: { 'Content-Type': 'text/html; charset=UTF-8', ...headers },
});

const showObject = (container: Container, row: StoredObject, versions: boolean) => ({
  bytes: row.bytes,
  hash: 'd41d8cd98f00b204e9800998ecf8427e',
  name: row.name,
  content_type: row.contentType,
  last_modified: isoMicros(row.modified),
  ...(row.segments && { slo_etag: '"69a329523ce1ec88bf63061863d9cb14"' }),
  ...(versions && {
    is_latest: container.versions.find((each) => each.name === row.name) === row || !row.versionId,
    version_id: row.versionId ?? 'null',
  }),
});

/** `GET` and `HEAD` of a container: a page of objects, or of all versions with `?versions`. */
export function listObjects(state: CloudState, call: Call, container: Container): Reply {
  const bytes = [
    ...(container.versions.length > 0 ? container.versions : container.objects.values()),
  ].reduce((sum, row) => sum + row.bytes, 0);
  const headers = {
    'X-Container-Object-Count': String(container.objects.size),
    'X-Container-Bytes-Used': String(bytes),
    'X-Timestamp': (container.created / 1000).toFixed(5),
    'Accept-Ranges': 'bytes',
    'X-Storage-Policy': 'Policy-0',
    ...(container.versioning !== 'never' && {
      'X-Versions-Enabled': container.versioning === 'enabled' ? 'True' : 'False',
    }),
    ...container.headers,
  };
  if (call.method === 'HEAD')
    return { status: 204, headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers } };
  const limit = limitOf(state, call);
  const prefix = call.query.get('prefix') ?? '';
  const marker = call.query.get('marker') ?? '';
  const wantsVersions =
    call.query.has('versions') && !['false', '0'].includes(call.query.get('versions') ?? '');
  const rows = wantsVersions
    ? versionsAfter(container, marker, call.query.get('version_marker')).slice(0, limit)
    : container.objects.after(marker, limit, (name) => name.startsWith(prefix));
  return listing(
    call,
    headers,
    rows.map((row) => showObject(container, row, wantsVersions)),
  );
}

/**
 * Versions in the order of names, the newest first. An object from the time before the versioning
 * is its own version `null`.
 */
function versionsAfter(
  container: Container,
  marker: string,
  versionMarker: string | null,
): StoredObject[] {
  const known = new Set(container.versions.map((row) => row.name));
  const all = [
    ...container.versions,
    ...[...container.objects.values()].filter((row) => !known.has(row.name)),
  ];
  const sorted = all
    .map((row, index) => ({ row, index }))
    .sort((a, b) =>
      a.row.name < b.row.name ? -1 : a.row.name > b.row.name ? 1 : a.index - b.index,
    );
  const rows = sorted.map(({ row }) => row);
  const at =
    versionMarker === null
      ? -1
      : rows.findIndex((row) => row.name === marker && row.versionId === versionMarker);
  return at >= 0 ? rows.slice(at + 1) : rows.filter((row) => row.name > marker);
}

/** The number of rows of a page. Swift refuses a larger number than the cluster allows. */
export function limitOf(state: CloudState, call: Call): number {
  const limit = Number(call.query.get('limit') ?? state.options.swiftPageLimit);
  if (limit > state.options.swiftPageLimit)
    throw new Refusal(412, `Maximum limit is ${state.options.swiftPageLimit}`);
  return limit;
}

/** The answer as JSON, or as one name per line. An empty list as text is a 204. */
export function listing(
  call: Call,
  headers: Record<string, string>,
  rows: { name: string }[],
): Reply {
  if (call.query.get('format') === 'json' || call.headers.accept === 'application/json')
    return {
      status: 200,
      headers: { ...headers, 'Content-Type': 'application/json; charset=utf-8' },
      json: rows,
    };
  const text = { ...headers, 'Content-Type': 'text/plain; charset=utf-8' };
  return rows.length === 0
    ? { status: 204, headers: text }
    : { status: 200, headers: text, text: rows.map((row) => `${row.name}\n`).join('') };
}

/** One object: `PUT`, `HEAD`, `GET`, `DELETE` with `version-id` or `multipart-manifest=delete`. */
export function objectCall(
  state: CloudState,
  call: Call,
  account: Account,
  container: Container | undefined,
  name: string,
): Reply {
  if (!container) return notFound();
  const now = state.clock.now();
  if (call.method === 'PUT') {
    const versionId = container.versioning === 'enabled' ? { versionId: timestamp(now) } : {};
    const segments =
      call.query.get('multipart-manifest') === 'put' ? { segments: segmentsOf(call) } : {};
    const row = put(container, {
      name,
      bytes: call.body.length,
      contentType: call.headers['content-type'] ?? 'application/octet-stream',
      modified: now,
      ...versionId,
      ...segments,
    });
    return empty(201, row.versionId === undefined ? {} : { 'X-Object-Version-Id': row.versionId });
  }
  const current = container.objects.get(name);
  if (call.method === 'HEAD' || call.method === 'GET')
    return current
      ? {
          status: 200,
          headers: {
            'Content-Type': current.contentType,
            'X-Timestamp': (current.modified / 1000).toFixed(5),
          },
        }
      : notFound();
  if (call.method !== 'DELETE')
    throw new Refusal(405, 'The method is not allowed for this resource.');
  const versionId = call.query.get('version-id');
  if (versionId !== null) return deleteVersion(state, call, container, name, versionId);
  if (!current && container.versioning !== 'enabled') return notFound();
  if (call.endless) return empty(204);
  if (call.query.get('multipart-manifest') === 'delete') {
    const segments = current?.segments ?? [];
    const gone = segments.filter((path) => removePath(state, account, path)).length;
    remove(state, container, name);
    return {
      status: 200,
      json: {
        'Response Status': '200 OK',
        'Response Body': '',
        'Number Deleted': gone + 1,
        'Number Not Found': segments.length - gone,
        Errors: [],
      },
    };
  }
  if (deleteWithOldVersioning(account, container, name, now)) return empty(204);
  const version = remove(state, container, name);
  return empty(204, version === undefined ? {} : { 'X-Object-Version-Id': version });
}

const segmentsOf = (call: Call): string[] => {
  const parsed: unknown = JSON.parse(call.body.toString('utf8'));
  return Array.isArray(parsed)
    ? parsed.flatMap((each: unknown) =>
        typeof each === 'object' && each !== null && 'path' in each && typeof each.path === 'string'
          ? [each.path]
          : [],
      )
    : [];
};

/** Removes an object; with versioning a marker replaces it. Returns the marker's version. */
export function remove(state: CloudState, container: Container, name: string): string | undefined {
  const now = state.clock.now();
  container.behindUntil = now + state.options.swiftLag;
  if (container.versioning !== 'enabled') {
    container.objects.delete(name);
    deleteInSyncTarget(state, container, name);
    return undefined;
  }
  const versionId = timestamp(now);
  put(container, {
    name,
    bytes: 0,
    contentType: 'application/x-deleted;swift_versions_deleted=1',
    modified: now,
    versionId,
    marker: true,
  });
  return versionId;
}

/** The container-sync daemon repeats a deletion in the target, with the key of the container. */
function deleteInSyncTarget({ accounts }: CloudState, { headers }: Container, name: string): void {
  const [account = '', target = ''] = (headers['x-container-sync-to'] ?? '').split('/').slice(-2);
  if (headers['x-container-sync-key'])
    accounts.get(account)?.containers.get(target)?.objects.delete(name);
}

function deleteVersion(
  state: CloudState,
  call: Call,
  container: Container,
  name: string,
  versionId: string,
): Reply {
  const at = container.versions.findIndex(
    (row) => row.name === name && row.versionId === versionId,
  );
  if (at < 0 && versionId !== 'null') return notFound();
  if (call.endless) return empty(204);
  if (at >= 0) container.versions.splice(at, 1);
  if (container.objects.get(name)?.versionId === (versionId === 'null' ? undefined : versionId))
    container.objects.delete(name);
  container.behindUntil = state.clock.now() + state.options.swiftLag;
  return empty(204, {
    'X-Object-Version-Id': versionId,
    'X-Object-Current-Version-Id': container.objects.get(name)?.versionId ?? 'null',
  });
}

/**
 * Deletes `container/object` or `container`, unescaped, with or without a slash before it. Returns
 * true if it existed.
 */
export function removePath(
  state: CloudState,
  account: Account,
  path: string,
): boolean | '409 Conflict' {
  const [containerName = '', ...rest] = path.replace(/^\//, '').split('/');
  const container = account.containers.get(containerName);
  if (!container) return false;
  if (rest.length === 0)
    return removeContainer(state, account, container) === undefined ? true : '409 Conflict';
  const name = rest.join('/');
  if (!container.objects.get(name)) return false;
  if (deleteWithOldVersioning(account, container, name, state.clock.now())) return true;
  remove(state, container, name);
  return true;
}

/** Why a container cannot be deleted, or `undefined` when it is deleted. */
export function removeContainer(
  state: CloudState,
  account: Account,
  container: Container,
): Reply | undefined {
  if (container.versions.length > 0)
    return {
      status: 409,
      headers: { 'Content-Type': 'text/html; charset=UTF-8' },
      text: 'Delete all versions before deleting container.',
    };
  if (container.objects.size > 0 || container.behindUntil > state.clock.now())
    return html(409, 'Conflict', 'There was a conflict when trying to complete your request.');
  account.containers.delete(container.name);
  return undefined;
}
