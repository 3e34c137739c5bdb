import { type Call, type Front, Refusal, type Reply } from './http.ts';
import { hex, isoMicros, type Resource } from './resource-store.ts';
import type { CloudState } from './state.ts';
import {
  empty,
  html,
  limitOf,
  listing,
  listObjects,
  notFound,
  objectCall,
  removeContainer,
  removePath,
} from './swift-objects.ts';
import { setOldVersioning } from './swift-old-versions.ts';
import { type Account, newAccount, newContainer } from './swift-state.ts';
import { tokenOf } from './tokens.ts';

const words: Record<number, [title: string, words: string]> = {
  400: [
    'Bad Request',
    'The server could not comply with the request since it is either malformed or otherwise incorrect.',
  ],
  401: [
    'Unauthorized',
    'This server could not verify that you are authorized to access the document you requested.',
  ],
  403: ['Forbidden', 'Access was denied to this resource.'],
  404: ['Not Found', 'The resource could not be found.'],
  405: ['Method Not Allowed', 'The method is not allowed for this resource.'],
  412: ['Precondition Failed', 'A precondition for this request was not met.'],
  409: ['Conflict', 'There was a conflict when trying to complete your request.'],
  503: [
    'Service Unavailable',
    'The server is currently unavailable. Please try again at a later time.',
  ],
};

/** Swift 2.30 with bulk, slo, versioned_writes and keystoneauth in its pipeline. */
export function swift(state: CloudState): Front {
  state.store.source('swift.container', (project) => resources(state, project));
  return {
    name: 'swift',
    handle: (call) =>
      call.path === '/info' ? { status: 200, json: info(state) } : route(state, call),
    refuse({ status, message, headers }, call) {
      const [title, text] = words[status] ?? ['Error', message];
      const realm =
        status === 401
          ? {
              'Www-Authenticate': `Swift realm="${call.path.split('/')[2]}", Keystone uri="${state.bases.get('keystone')}"`,
            }
          : {};
      return html(status, title, text, { ...headers, ...realm });
    },
    headers: () => {
      const id = `tx${hex().slice(0, 21)}-${hex().slice(0, 10)}`;
      return { 'X-Trans-Id': id, 'X-Openstack-Request-Id': id };
    },
  };
}

const info = (state: CloudState) => ({
  swift: {
    version: '2.30.1',
    allow_account_management: state.options.accountManagement,
    account_autocreate: true,
    container_listing_limit: state.options.swiftPageLimit,
    account_listing_limit: state.options.swiftPageLimit,
    policies: [{ name: 'Policy-0', aliases: 'Policy-0', default: true }],
  },
  object_versioning: {},
  slo: {
    max_manifest_segments: 1000,
    max_manifest_size: 8_388_608,
    min_segment_size: 1,
    allow_async_delete: false,
  },
  account_quotas: {},
  container_quotas: {},
  tempurl: { methods: ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'] },
  bulk_upload: { max_containers_per_extraction: 10_000, max_failed_extractions: 1000 },
  bulk_delete: { max_deletes_per_request: 10_000, max_failed_deletes: 1000 },
});

function resources(state: CloudState, project: string | undefined): Resource[] {
  return [...state.accounts.values()].flatMap((account) => {
    const owner = account.name.slice('AUTH_'.length);
    if (account.deleted || (project !== undefined && owner !== project)) return [];
    return [...account.containers.values()].flatMap((container) => [
      {
        resourceType: 'swift.container',
        id: `${owner}/${container.name}`,
        owner,
        label: container.name,
      },
      ...[...container.objects.values()].map((row) => ({
        resourceType: 'swift.object',
        id: `${owner}/${container.name}/${row.name}`,
        owner,
        label: row.name,
      })),
      ...container.versions.map((row) => ({
        resourceType: 'swift.version',
        id: `${owner}/${container.name}/${row.name}?${row.versionId}`,
        owner,
        label: row.name,
      })),
    ]);
  });
}

/**
 * Swift uses the path unchanged, because the name of an object may contain any character, even
 * slashes.
 */
function route(state: CloudState, call: Call): Reply {
  const [, version, accountName = '', containerName = '', ...rest] = call.path.split('/');
  if (version !== 'v1' || accountName === '')
    return {
      status: 412,
      text: 'Bad URL',
      headers: { 'Content-Type': 'text/html; charset=UTF-8' },
    };
  const token = tokenOf(state, call.headers['x-auth-token']);
  if (!token) throw new Refusal(401, '');
  const reseller = token.roles.includes('ResellerAdmin');
  const own =
    accountName === `AUTH_${token.projectId}` &&
    token.roles.some((role) => ['admin', 'member'].includes(role));
  if (!reseller && !own) throw new Refusal(403, '');
  const account = state.accounts.get(accountName);
  if (call.query.has('bulk-delete') && (call.method === 'POST' || call.method === 'DELETE'))
    return bulkDelete(state, call, account);
  if (containerName === '') return accountCall(state, call, accountName, account, reseller);
  if (account?.deleted)
    return call.method === 'PUT' || call.method === 'POST'
      ? html(503, ...(words[503] ?? ['', '']))
      : notFound();
  const container = decodeURIComponent(containerName);
  if (rest.length > 0 && rest.join('/') !== '') {
    return account
      ? objectCall(
          state,
          call,
          account,
          account.containers.get(container),
          decodeURIComponent(rest.join('/')),
        )
      : notFound();
  }
  return containerCall(state, call, accountName, account, container);
}

function accountCall(
  state: CloudState,
  call: Call,
  name: string,
  account: Account | undefined,
  reseller: boolean,
): Reply {
  const now = state.clock.now();
  if (call.method === 'DELETE') {
    if (call.search !== '') throw new Refusal(400, '');
    if (!state.options.accountManagement) throw new Refusal(405, '');
    if (!reseller) throw new Refusal(403, '');
    if (!account) return empty(404);
    if (account.deleted) return empty(404, { 'X-Account-Status': 'Deleted' });
    account.deleted = true;
    state.clock.after(state.options.durations.account, () => account.containers.clear());
    return empty(204, { 'X-Account-Status': 'Deleted' });
  }
  if (account?.deleted) return empty(410, { 'X-Account-Status': 'Deleted' });
  if (call.method === 'POST' || call.method === 'PUT') {
    const made = account ?? newAccount(name, now);
    state.accounts.set(name, made);
    keep(made.headers, call, /^x-account-/);
    return empty(204);
  }
  // Swift shows a missing account as an empty one. It then answers 200, and 204 for an account that
  // exists.
  const shown = account ?? newAccount(name, now);
  const containers = [...shown.containers.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const sum = (count: (container: (typeof containers)[number]) => number): string =>
    String(containers.reduce((total, each) => total + count(each), 0));
  const bytes = (each: (typeof containers)[number]): number =>
    [...each.objects.values()].reduce((total, row) => total + row.bytes, 0);
  const headers = {
    'X-Account-Container-Count': String(
      containers.length + containers.filter((each) => each.versioning !== 'never').length,
    ),
    'X-Account-Object-Count': sum((each) => each.objects.size),
    'X-Account-Bytes-Used': sum(bytes),
    'X-Timestamp': (shown.created / 1000).toFixed(5),
    ...shown.headers,
  };
  if (call.method === 'HEAD')
    return {
      status: account ? 204 : 200,
      headers: { ...headers, 'Content-Type': 'text/plain; charset=utf-8' },
    };
  const limit = limitOf(state, call);
  const marker = call.query.get('marker') ?? '';
  const prefix = call.query.get('prefix') ?? '';
  const page = containers
    .filter((each) => each.name > marker && each.name.startsWith(prefix))
    .slice(0, limit);
  return listing(
    call,
    headers,
    page.map((each) => ({
      name: each.name,
      count: each.objects.size,
      bytes: bytes(each),
      last_modified: isoMicros(each.created),
    })),
  );
}

function containerCall(
  state: CloudState,
  call: Call,
  accountName: string,
  account: Account | undefined,
  name: string,
): Reply {
  const now = state.clock.now();
  const existing = account?.containers.get(name);
  if (call.method === 'PUT') {
    const home = account ?? newAccount(accountName, now);
    state.accounts.set(accountName, home);
    const container = existing ?? newContainer(name, now);
    home.containers.set(name, container);
    setVersioning(container, call);
    setOldVersioning(container, call);
    keep(container.headers, call, /^x-container-/);
    return existing ? html(202, 'Accepted', 'The request is accepted for processing.') : empty(201);
  }
  if (!existing || !account) return notFound();
  if (call.method === 'POST') {
    setVersioning(existing, call);
    setOldVersioning(existing, call);
    keep(existing.headers, call, /^x-container-/);
    return empty(204);
  }
  if (call.method === 'DELETE')
    return call.endless ? empty(204) : (removeContainer(state, account, existing) ?? empty(204));
  return listObjects(state, call, existing);
}

function setVersioning(container: { versioning: string }, call: Call): void {
  const wanted = call.headers['x-versions-enabled'];
  if (wanted !== undefined)
    container.versioning = String(wanted).toLowerCase() === 'true' ? 'enabled' : 'suspended';
}

function keep(headers: Record<string, string>, call: Call, wanted: RegExp): void {
  for (const [name, value] of Object.entries(call.headers)) {
    const removed = name.replace(/^x-remove-/, 'x-');
    if (removed !== name && wanted.test(removed)) delete headers[removed];
    if (!wanted.test(name)) continue;
    if (value === '' || value === undefined) delete headers[name];
    else headers[name] = String(value);
  }
}

/** The status is always 200. The body has the result. */
function bulkDelete(state: CloudState, call: Call, account: Account | undefined): Reply {
  const lines = call.body
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  let deleted = 0;
  let missing = 0;
  const errors: [string, string][] = [];
  for (const line of call.endless ? [] : lines) {
    const result =
      account && !account.deleted && removePath(state, account, decodeURIComponent(line));
    if (result === true) deleted++;
    else if (typeof result === 'string') errors.push([line, result]);
    else missing++;
  }
  const bad = lines.length === 0 ? 'Invalid bulk delete.' : '';
  const status = bad !== '' || errors.length > 0 ? '400 Bad Request' : '200 OK';
  const result = {
    'Response Status': status,
    'Response Body': bad,
    'Number Deleted': deleted,
    'Number Not Found': missing,
    Errors: errors,
  };
  if (call.headers.accept === 'application/json') return { status: 200, json: result };
  const text = `Number Deleted: ${deleted}\nNumber Not Found: ${missing}\nResponse Body: ${bad}\nResponse Status: ${status}\nErrors:\n${errors.map((pair) => pair.join(', ')).join('\n')}`;
  return { status: 200, headers: { 'Content-Type': 'text/plain' }, text };
}
