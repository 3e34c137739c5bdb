import * as z from 'zod';

const MAX_ID_LENGTH = 64;

/** True if databases and queues can store the text unchanged. */
const isStorable = (text: string): boolean => text.isWellFormed() && !/[\0\uFFFE\uFFFF]/.test(text);

/**
 * An id of Keystone: any text of 1 to 64 characters. Keystone itself creates ids of 32 or 64
 * hexadecimal digits. The id of a user may also come from LDAP (`jane.doe@example.org`), and a
 * restored or migrated id may be any text. Characters that a database or a queue cannot store
 * unchanged are rejected: U+0000, unpaired surrogates, U+FFFE and U+FFFF. Code that puts an id into
 * a URL must encode it.
 */
const keystoneId = z
  .string()
  .min(1, 'an id of Keystone cannot be empty')
  .refine(
    (text) => [...text].length <= MAX_ID_LENGTH,
    'an id of Keystone has at most 64 characters',
  )
  .refine(isStorable, 'the id has characters that a database cannot store');

/**
 * Letters that MySQL's newer collations treat as the letters on the right. The decomposition of
 * Unicode (NFKD) does not change them.
 */
const COLLATED_CHARACTERS: Readonly<Record<string, string>> = {
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  ħ: 'h',
  ł: 'l',
};

const withoutMarks = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '');

/**
 * Returns the text as a collation compares it, with `ß` as `sharpS`. Marks are removed before the
 * change of case: every collation treats `ᾗ` as `η`, but the capital of `ᾗ` is `ἯΙ`.
 */
const collated = (text: string, sharpS: string): string =>
  withoutMarks(withoutMarks(text).replace(/[ßẞ]/g, sharpS).toUpperCase().toLowerCase())
    .replace(/[æœøđðħł]/g, (character) => COLLATED_CHARACTERS[character] ?? character)
    .replaceAll('ς', 'σ')
    .trim();

/**
 * True if a cloud's database may treat two ids as equal. MySQL's default collations ignore case,
 * marks on letters, and spaces at the end. HTTP removes spaces at both ends of an id in a header.
 * `ß` equals `s` in `utf8mb3_general_ci`, and `ss` in the collations of Unicode's algorithm. The
 * function therefore treats `ß` as equal to `s` and to `ss`. An empty text is no id and equals no
 * id.
 */
export const mayBeSameId = (one: string, other: string): boolean =>
  (one === '') === (other === '') &&
  (collated(one, 'ss') === collated(other, 'ss') || collated(one, 's') === collated(other, 's'));

/**
 * Returns a key by which a store finds similar ids. Two ids for which {@link mayBeSameId} is true
 * have the same key. A few pairs of ids that are not similar also have the same key. An id of
 * lower-case hexadecimal digits is its own key. The key is never empty.
 */
export const foldId = (text: string): string => collated(text, 's').replace(/s+/g, 's') || ' ';

/** The id of a project in Keystone. */
export const ProjectId = keystoneId.brand<'ProjectId'>();
export type ProjectId = z.infer<typeof ProjectId>;
/** The id of a domain in Keystone. */
export const DomainId = keystoneId.brand<'DomainId'>();
export type DomainId = z.infer<typeof DomainId>;
/** The id of a user in Keystone. */
export const UserId = keystoneId.brand<'UserId'>();
export type UserId = z.infer<typeof UserId>;

/**
 * The id of an operation: `op-` and twelve hexadecimal digits, derived from the account and the
 * generation. If the same change is handled twice, the id is therefore the same.
 */
export const OperationId = z
  .string()
  .regex(/^op-[0-9a-f]{12}$/, 'an operation id is op- and twelve hexadecimal digits')
  .brand<'OperationId'>();
export type OperationId = z.infer<typeof OperationId>;

/** The name of an OpenStack service, for example `nova`. */
export const ServiceName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{1,30}$/, 'a service name is lower case, for example nova')
  .brand<'ServiceName'>();
export type ServiceName = z.infer<typeof ServiceName>;

/** The name of a resource type: service and type, for example `nova.server`. */
export const ResourceTypeName = z
  .string()
  .regex(/^[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*$/)
  .brand<'ResourceTypeName'>();
export type ResourceTypeName = z.infer<typeof ResourceTypeName>;

/** The id of a task: `<operation>/<service>/<region>`. */
export const TaskId = z
  .string()
  .regex(/^op-[0-9a-f]{12}\/[a-z][a-z0-9-]*\/.+$/)
  .refine(isStorable, 'the task id has characters that a database cannot store')
  .brand<'TaskId'>();
export type TaskId = z.infer<typeof TaskId>;
