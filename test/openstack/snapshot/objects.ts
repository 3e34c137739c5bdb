import * as z from 'zod';
import { type Cloud, Row } from '../cloud.ts';
import { emptyIfStatus, type ListedResource } from './table.ts';

const Page = z.array(Row);

/**
 * Returns everything in a Swift account: containers, objects, old versions, and the account's own
 * metadata.
 */
export async function listObjects(cloud: Cloud, projectId: string): Promise<ListedResource[]> {
  const { admin } = cloud;
  const account = admin.endpoint('object', projectId);
  const head = await admin.call('object', 'HEAD', account, { accept: [404, 410] });
  if (head.status === 404 || head.status === 410) return [];
  const found: ListedResource[] = [];
  const kept = headersOf(head.headers, /^x-account-(meta-|quota-)/);
  const containers = await page(cloud, account, 'name');
  if (Object.keys(kept).length > 0 || containers.length > 0) {
    found.push({
      resourceType: 'swift.account',
      id: projectId,
      name: '',
      owner: projectId,
      row: kept,
    });
  }
  const parts = containers.map(async (container) => {
    const name = String(container.name);
    const url = `${account}/${encodeURIComponent(name)}`;
    const { headers } = await admin.call('object', 'HEAD', url, { accept: [404] });
    const row = headersOf(
      headers,
      /^x-(container-(meta|read|write)|versions|history|storage-policy)/,
    );
    const versions = headers.get('x-versions-enabled')?.toLowerCase() === 'true';
    const rows = await emptyIfStatus([404], () =>
      page(cloud, url, 'name', versions ? 'versions&' : ''),
    );
    return [
      { resourceType: 'swift.container', id: `${projectId}/${name}`, name, owner: projectId, row },
      ...rows.map((object) => {
        const version = typeof object.version_id === 'string' ? ` ${object.version_id}` : '';
        return {
          resourceType: 'swift.object',
          id: `${projectId}/${name}/${String(object.name)}${version}`,
          name,
          owner: projectId,
          row: object,
        };
      }),
    ];
  });
  return [...found, ...(await Promise.all(parts)).flat()];
}

function headersOf(headers: Headers, wanted: RegExp): Row {
  return Object.fromEntries([...headers].filter(([name]) => wanted.test(name)).sort());
}

/** Returns all rows: requests pages until one is empty. */
async function page(cloud: Cloud, url: string, key: string, query = ''): Promise<Row[]> {
  const rows: Row[] = [];
  for (let last: Row | undefined; ; ) {
    const version =
      typeof last?.version_id === 'string'
        ? `&version_marker=${encodeURIComponent(last.version_id)}`
        : '';
    const marker =
      last === undefined ? '' : `&marker=${encodeURIComponent(String(last[key]))}${version}`;
    const { json } = await cloud.admin.call(
      'object',
      'GET',
      `${url}?${query}format=json&limit=1000${marker}`,
    );
    const next = Page.parse(json ?? []);
    if (next.length === 0) return rows;
    rows.push(...next);
    last = next.at(-1);
  }
}
