import * as z from 'zod';
import type { Comparison } from '../../task/service.ts';

/** The account (with an empty `path`) or a container, as HEAD shows it. */
export interface AccountOrContainer {
  readonly id: string;
  readonly owner: string;
  readonly path: string;
  /** The word in the names of metadata headers: `X-Account-Meta-…`, `X-Container-Meta-…`. */
  readonly level: 'Account' | 'Container';
  /** The read ACL of a container. Empty for the account. */
  readonly readAcl: string;
  /** The temporary-URL keys by their names. The keys are secrets and are kept only in memory. */
  readonly keys: ReadonlyMap<string, string>;
}

/** The recorded state of the account or of a container. */
export const recordedAccess = z.object({
  /** The read ACL, if it permits public access. */
  read: z.string().optional(),
  /** The names of the temporary-URL keys, without their values. */
  keys: z.array(z.string()),
});
export type RecordedAccess = z.infer<typeof recordedAccess>;

/**
 * Matches the random prefix of a masked key. The original key follows the prefix, so the propagator
 * need not store the key, which is a secret. Swift does not show keys to users that can only read
 * the container.
 */
const MASK_PATTERN = /^kp1:[0-9a-f]{32}:/;
/** The maximum length of a key: Swift's default limit for a metadata value. */
export const MAX_VALUE_LENGTH = 256;
/** The length of the prefix that {@link MASK_PATTERN} matches. */
export const MASK_LENGTH = 37;

/** The API client sends only ASCII characters in a header. */
export const isAscii = (value: string): boolean => /^[\x20-\x7e]*$/.test(value);
export const isMasked = (key: string): boolean => MASK_PATTERN.test(key);
const isPublicEntry = (entry: string): boolean => /^\s*\.(r:|rlistings)/.test(entry);
const entriesOf = (acl: string): string[] => acl.split(',').filter((one) => one.trim() !== '');
/** Returns true if the read ACL permits public access. */
export const isPublic = ({ readAcl }: AccountOrContainer): boolean =>
  entriesOf(readAcl).some(isPublicEntry);
/** Returns the read ACL without the entries that permit public access. */
export const withoutPublicEntries = (acl: string): string =>
  entriesOf(acl)
    .filter((entry) => !isPublicEntry(entry))
    .join(',');
const normalizedAcl = (acl: string): string =>
  entriesOf(acl)
    .map((entry) => entry.trim())
    .join(',');

export const unmaskKey = (key: string): string => key.replace(MASK_PATTERN, '');

export function maskKey(key: string): string {
  const random = [...globalThis.crypto.getRandomValues(new Uint8Array(16))];
  return `kp1:${random.map((byte) => byte.toString(16).padStart(2, '0')).join('')}:${key}`;
}

type AclOrKeyState = 'suspended' | 'as-recorded' | 'changed';

/** Compares the read ACL with the recorded read ACL. */
export function aclState(row: AccountOrContainer, recordedAcl: string): AclOrKeyState {
  const presentAcl = normalizedAcl(row.readAcl);
  if (presentAcl === normalizedAcl(recordedAcl)) return 'as-recorded';
  const suspendedAcl = normalizedAcl(withoutPublicEntries(recordedAcl));
  return presentAcl === suspendedAcl ? 'suspended' : 'changed';
}

function keyState(row: AccountOrContainer, name: string): AclOrKeyState {
  const key = row.keys.get(name);
  if (key === undefined) return 'changed';
  return isMasked(key) ? 'suspended' : 'as-recorded';
}

/** Compares the account or a container with its recorded state. */
export function compare(row: AccountOrContainer, recorded: RecordedAccess): Comparison {
  const states = recorded.keys.map((name) => keyState(row, name));
  if (recorded.read !== undefined) states.push(aclState(row, recorded.read));
  const changes = changesSince(recorded, row);
  if (changes.length > 0) {
    const isPartlySuspended = states.includes('suspended');
    return { kind: 'changed', message: changes.join(', '), isPartlySuspended };
  }
  if (states.every((state) => state === 'suspended')) return { kind: 'suspended' };
  return states.every((state) => state === 'as-recorded')
    ? { kind: 'as-recorded' }
    : { kind: 'partly' };
}

/** Returns one text for each part that another client has changed since the state was recorded. */
function changesSince({ read, keys }: RecordedAccess, row: AccountOrContainer): string[] {
  const isAclChanged = read === undefined ? isPublic(row) : aclState(row, read) === 'changed';
  const missingKeys = keys.filter((name) => !row.keys.has(name));
  const newKeys = [...row.keys].filter(([name, key]) => !keys.includes(name) && !isMasked(key));
  return [
    ...(isAclChanged ? ['its read ACL has changed'] : []),
    ...missingKeys.map((name) => `its ${name} is gone`),
    ...newKeys.map(([name]) => `its ${name} is new`),
  ];
}

/**
 * Returns the state that suspend must record now. The result replaces `earlierRecord`, and takes
 * from it the parts that are still suspended.
 */
export function newRecordedAccess(
  row: AccountOrContainer,
  earlierRecord: RecordedAccess | undefined,
): RecordedAccess {
  const isRecorded = (name: string): boolean => earlierRecord?.keys.includes(name) ?? false;
  const keys = [...row.keys].filter(([name, key]) => !isMasked(key) || isRecorded(name));
  const recordedAcl = earlierRecord?.read;
  const isAclSuspended = recordedAcl !== undefined && aclState(row, recordedAcl) === 'suspended';
  const read = isPublic(row) ? row.readAcl : isAclSuspended ? recordedAcl : undefined;
  return { ...(read === undefined ? {} : { read }), keys: keys.map(([name]) => name) };
}
