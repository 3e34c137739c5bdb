import * as z from 'zod';
import { type Comparison, defineSuspension, type ProjectContext } from '../../task/service.ts';
import {
  accountOf,
  DEFAULT_PAGE_SIZE,
  infoOf,
  isMissingAccount,
  requestAccount,
  withRoleAdvice,
} from './account.ts';
import { pathOfContainer } from './object.ts';

/** The account (with an empty `path`) or a container, as HEAD shows it. */
interface AccountOrContainer {
  readonly id: string;
  readonly owner: string;
  readonly path: string;
  readonly level: 'Account' | 'Container';
  /** The read ACL of a container. Empty for the account. */
  readonly readAcl: string;
  /** The temporary-URL keys by their names. The keys are secrets and are kept only in memory. */
  readonly keys: ReadonlyMap<string, string>;
}

const before = z.object({
  /** The read ACL, if it permits public access. */
  read: z.string().optional(),
  /** The names of the temporary-URL keys, without their values. */
  keys: z.array(z.string()),
});
type Before = z.infer<typeof before>;

const KEY_NAMES = ['Temp-URL-Key', 'Temp-URL-Key-2'];
/**
 * Matches the random prefix of a masked key. The original key follows the prefix. A key is a
 * secret, so it is stored only in Swift. Swift does not show keys to users that can only read the
 * container.
 */
const MASK = /^kp1:[0-9a-f]{32}:/;
const MAX_VALUE_LENGTH = 256;
const MASK_LENGTH = 37;

const isMasked = (key: string): boolean => MASK.test(key);
const isPublicEntry = (entry: string): boolean => /^\s*\.(r:|rlistings)/.test(entry);
const entriesOf = (acl: string): string[] => acl.split(',').filter((one) => one.trim() !== '');
const withoutPublicEntries = (acl: string): string =>
  entriesOf(acl)
    .filter((entry) => !isPublicEntry(entry))
    .join(',');
const normalizedAcl = (acl: string): string =>
  entriesOf(acl)
    .map((entry) => entry.trim())
    .join(',');

function mask(key: string): string {
  const random = [...globalThis.crypto.getRandomValues(new Uint8Array(16))];
  return `kp1:${random.map((byte) => byte.toString(16).padStart(2, '0')).join('')}:${key}`;
}

/** Reads one container, or the account if `name` is `undefined`. */
async function readAccountOrContainer(
  name: string | undefined,
  context: ProjectContext,
): Promise<AccountOrContainer | undefined> {
  const { project } = accountOf(context);
  const path = name === undefined ? '' : pathOfContainer(name);
  const level = name === undefined ? 'Account' : 'Container';
  const { status, headers } = await requestAccount(context, 'HEAD', path, { accept: [404] });
  // A 404 means that the container was deleted after the listing. A 200 for the account means that
  // the account was never created.
  if (status === 404 || (name === undefined && status !== 204)) return undefined;
  const keys = KEY_NAMES.flatMap((key): [string, string][] => {
    const value = headers.get(`x-${level}-meta-${key}`);
    return value ? [[key, value]] : [];
  });
  return {
    id: name === undefined ? 'account' : `container/${name}`,
    owner: project,
    path,
    level,
    readAcl: name === undefined ? '' : (headers.get('x-container-read') ?? ''),
    keys: new Map(keys),
  };
}

const MAX_PARALLEL = 8;

/** Lists the account, if it exists, and its containers. */
async function listAccountAndContainers(context: ProjectContext): Promise<AccountOrContainer[]> {
  const { endpoint } = accountOf(context);
  const limit = (await infoOf(context))?.swift?.account_listing_limit ?? DEFAULT_PAGE_SIZE;
  /** `undefined` stands for the account. */
  let names: (string | undefined)[];
  try {
    const row = z.object({ name: z.string() });
    const containers = await withRoleAdvice(
      context.api.list('', { row, paging: 'swift', limit, endpoint }),
    );
    names = [undefined, ...containers.rows.map(({ name }) => name)];
  } catch (error) {
    if (await isMissingAccount(error, context)) return [];
    throw error;
  }
  const rows: AccountOrContainer[] = [];
  for (let from = 0; from < names.length; from += MAX_PARALLEL) {
    const batch = names
      .slice(from, from + MAX_PARALLEL)
      .map((name) => readAccountOrContainer(name, context));
    rows.push(...(await Promise.all(batch)).filter((row) => row !== undefined));
  }
  return rows;
}

function compare(row: AccountOrContainer, { read, keys }: Before): Comparison {
  const states: ('suspended' | 'as-before')[] = [];
  if (read !== undefined) {
    if (normalizedAcl(row.readAcl) === normalizedAcl(read)) states.push('as-before');
    else if (normalizedAcl(row.readAcl) === normalizedAcl(withoutPublicEntries(read)))
      states.push('suspended');
    else return { kind: 'changed', message: 'its read ACL has changed' };
  }
  for (const name of keys) {
    const key = row.keys.get(name);
    if (key === undefined) return { kind: 'changed', message: `its ${name} is gone` };
    states.push(isMasked(key) ? 'suspended' : 'as-before');
  }
  if (states.every((state) => state === 'suspended')) return { kind: 'suspended' };
  return states.every((state) => state === 'as-before')
    ? { kind: 'as-before' }
    : { kind: 'partly' };
}

/** Writes the recorded ACL and the present keys with one POST, changed by the two functions. */
async function write(
  row: AccountOrContainer,
  record: Before,
  changeKey: (key: string) => string,
  changeAcl: (acl: string) => string,
  context: ProjectContext,
): Promise<void> {
  const headers: Record<string, string> = {};
  if (record.read !== undefined) headers['X-Container-Read'] = changeAcl(record.read);
  for (const name of record.keys) {
    const key = row.keys.get(name);
    if (key !== undefined) headers[`X-${row.level}-Meta-${name}`] = changeKey(key);
  }
  await requestAccount(context, 'POST', row.path, { headers });
}

/**
 * Removes public access to the account and its containers. Suspend removes the public entries from
 * read ACLs. It masks the keys of temporary URLs with a prefix, so that Swift refuses URLs that
 * were signed with the original keys.
 */
export const publicAccessSuspension = defineSuspension<AccountOrContainer, Before>({
  name: 'public-access',
  options: ['close'],
  summary: {
    suspend:
      'Public entries (.r:, .rlistings) are removed from the read ACL of each ' +
      'container. Keys of temporary URLs get a random prefix, so that Swift refuses signed ' +
      'URLs.',
    record: 'The read ACL, and the names of the keys. The keys are stored only in Swift.',
    resume: 'The read ACL is written back, and the prefix is removed from the keys.',
    unchanged: [
      'ACL entries for users and projects are not changed, because Keystone decides about their ' +
        'tokens.',
      'A key that is too long for the prefix is reported.',
    ],
  },
  before,
  list: listAccountAndContainers,
  id: (row) => row.id,
  owner: (row) => row.owner,
  assess(row) {
    const isPublic = entriesOf(row.readAcl).some(isPublicEntry);
    const keys = [...row.keys].filter(([, key]) => !isMasked(key));
    if (keys.some(([, key]) => key.length + MASK_LENGTH > MAX_VALUE_LENGTH))
      return {
        kind: 'leave',
        message:
          'a key for temporary URLs is too long to be masked, so URLs that were signed with it ' +
          'stay valid',
        advice:
          'Ask the owner to set a shorter key, or remove the key (openstack object store account ' +
          'unset).',
      };
    if (!isPublic && keys.length === 0) return { kind: 'at-rest' };
    const names = keys.map(([name]) => name);
    return { kind: 'switch', before: { ...(isPublic ? { read: row.readAcl } : {}), keys: names } };
  },
  suspend: (row, record, context) =>
    write(row, record, (key) => (isMasked(key) ? key : mask(key)), withoutPublicEntries, context),
  compare,
  resume: (row, record, context) =>
    write(
      row,
      record,
      (key) => key.replace(MASK, ''),
      (acl) => acl,
      context,
    ),
});
