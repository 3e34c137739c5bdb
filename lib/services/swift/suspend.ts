import * as z from 'zod';
import { defineSuspension, type ProjectContext } from '../../task/service.ts';
import {
  accountOf,
  clusterInfoOf,
  DEFAULT_PAGE_SIZE,
  isMissingAccount,
  requestAccount,
  withRoleAdvice,
} from './account.ts';
import { pathOfContainer } from './object.ts';
import {
  type AccountOrContainer,
  aclState,
  compare,
  isAscii,
  isMasked,
  isPublic,
  MASK_LENGTH,
  MAX_VALUE_LENGTH,
  maskKey,
  newRecordedAccess,
  type RecordedAccess,
  recordedAccess,
  unmaskKey,
  withoutPublicEntries,
} from './public-access.ts';

const KEY_NAMES = ['Temp-URL-Key', 'Temp-URL-Key-2'];
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

const MAX_PARALLEL_READS = 8;

/** Lists the account, if it exists, and its containers. */
async function listAccountAndContainers(context: ProjectContext): Promise<AccountOrContainer[]> {
  const { endpoint } = accountOf(context);
  const pageSize =
    (await clusterInfoOf(context))?.swift?.account_listing_limit ?? DEFAULT_PAGE_SIZE;
  /** `undefined` stands for the account. */
  let names: (string | undefined)[];
  try {
    const row = z.object({ name: z.string() });
    const containers = await withRoleAdvice(
      context.api.list('', { row, paging: 'swift', pageSize, endpoint }),
    );
    names = [undefined, ...containers.rows.map(({ name }) => name)];
  } catch (error) {
    if (await isMissingAccount(error, context)) return [];
    throw error;
  }
  const rows: AccountOrContainer[] = [];
  for (let start = 0; start < names.length; start += MAX_PARALLEL_READS) {
    const reads = names
      .slice(start, start + MAX_PARALLEL_READS)
      .map((name) => readAccountOrContainer(name, context));
    rows.push(...(await Promise.all(reads)).filter((row) => row !== undefined));
  }
  return rows;
}

/**
 * Writes the recorded ACL, changed by `changeAcl`, and the present keys, changed by `changeKey`,
 * with one POST. Does not write the ACL if another client has changed it since it was recorded.
 */
async function writeAccess(
  row: AccountOrContainer,
  recorded: RecordedAccess,
  changeKey: (key: string) => string,
  changeAcl: (acl: string) => string,
  context: ProjectContext,
): Promise<void> {
  const headers: Record<string, string> = {};
  if (recorded.read !== undefined && aclState(row, recorded.read) !== 'changed')
    headers['X-Container-Read'] = changeAcl(recorded.read);
  for (const name of recorded.keys) {
    const key = row.keys.get(name);
    if (key !== undefined) headers[`X-${row.level}-Meta-${name}`] = changeKey(key);
  }
  await requestAccount(context, 'POST', row.path, { headers });
}

/**
 * Removes public access to the account and its containers. Suspend removes the public entries from
 * read ACLs. Suspend also masks the keys of temporary URLs with a prefix, so that Swift refuses
 * URLs that were signed with the original keys.
 */
export const publicAccessSuspension = defineSuspension<AccountOrContainer, RecordedAccess>({
  name: 'public-access',
  options: ['close'],
  summary: {
    suspend:
      'Public entries (.r:, .rlistings) are removed from the read ACL of each ' +
      'container. Keys of temporary URLs get a random prefix, so that Swift refuses URLs that ' +
      'were signed with the original keys.',
    record: 'The read ACL, and the names of the keys. The keys are stored only in Swift.',
    resume: 'The read ACL is written back, and the prefix is removed from the keys.',
    unchanged: [
      'ACL entries for users and projects are not changed, because they permit access only with ' +
        'a token of Keystone.',
      'The public access of a container or account stays, and is reported, in two cases: a key ' +
        'is too long for the prefix, or an ACL or key has characters other than ASCII.',
    ],
  },
  recordedState: recordedAccess,
  list: listAccountAndContainers,
  id: (row) => row.id,
  owner: (row) => row.owner,
  assess(row, _context, _option, earlierRecord) {
    const unmaskedKeys = [...row.keys.values()].filter((key) => !isMasked(key));
    if (unmaskedKeys.some((key) => key.length + MASK_LENGTH > MAX_VALUE_LENGTH))
      return {
        kind: 'report-only',
        message:
          'a key for temporary URLs is too long to be masked, so URLs that were signed with it ' +
          `stay valid${isPublic(row) ? ', and the container stays public' : ''}`,
        advice:
          'Ask the owner to set a shorter key, or remove the key (openstack object store account ' +
          'unset).',
      };
    if (!isPublic(row) && unmaskedKeys.length === 0) return { kind: 'at-rest' };
    const valuesToChange = isPublic(row) ? [row.readAcl, ...unmaskedKeys] : unmaskedKeys;
    if (!valuesToChange.every(isAscii))
      return {
        kind: 'report-only',
        message:
          'a read ACL or a key for temporary URLs has characters that a header may not have, so ' +
          'the public access stays',
        advice:
          "Remove the public access by hand if necessary: swift post --read-acl '' CONTAINER.",
      };
    return { kind: 'suspend', recordedState: newRecordedAccess(row, earlierRecord) };
  },
  suspend: (row, recorded, context) =>
    writeAccess(
      row,
      recorded,
      (key) => (isMasked(key) ? key : maskKey(key)),
      withoutPublicEntries,
      context,
    ),
  compare,
  resume: (row, recorded, context) => writeAccess(row, recorded, unmaskKey, (acl) => acl, context),
});
