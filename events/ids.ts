import * as z from 'zod';

const LONGEST_ID = 64;

/**
 * An id of Keystone: any text of 1 to 64 characters. Keystone makes 32 or 64 hexadecimal digits
 * itself, but an id of a user may come from LDAP (`jane.doe@example.org`), and ids that were restored
 * or migrated may be anything. Left out is only what a database or a queue can't store unchanged:
 * U+0000, half of a surrogate pair, U+FFFE and U+FFFF. Whoever puts an id into a URL must encode it.
 */
const id = z
  .string()
  .min(1, 'an id of Keystone is not empty')
  .refine((text) => [...text].length <= LONGEST_ID, 'an id of Keystone has at most 64 characters')
  .refine(
    (text) => text.isWellFormed() && !/[\0\uFFFE\uFFFF]/.test(text),
    'an id of Keystone that no database can store',
  );

/** What MySQL's newer collations take for plain letters, and Unicode does not decompose. */
const PLAIN: Readonly<Record<string, string>> = {
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  ħ: 'h',
  ł: 'l',
};

const withoutMarks = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '');

/** Marks go first: to each collation `ᾗ` is `η`, although its capital is written `ἯΙ`. */
const plain = (text: string, sharpS: string): string =>
  withoutMarks(withoutMarks(text).replace(/[ßẞ]/g, sharpS).toUpperCase().toLowerCase())
    .replace(/[æœøđðħł]/g, (letter) => PLAIN[letter] ?? letter)
    .replaceAll('ς', 'σ')
    .trim();

/**
 * Whether the database of a cloud may take two ids for the same. MySQL's default collations do so
 * for upper and lower case, letters with and without marks, and spaces at the end; HTTP drops
 * spaces at both ends of a header. `ß` is `s` to `utf8mb3_general_ci`, and `ss` to the collations
 * of Unicode's algorithm: both count. An empty text is no id and like none.
 */
export const areAlike = (one: string, other: string): boolean =>
  (one === '') === (other === '') &&
  (plain(one, 'ss') === plain(other, 'ss') || plain(one, 's') === plain(other, 's'));

/**
 * A key to find ids that are alike: those that {@link areAlike} have one key, and a few others have
 * it too. An id of small hexadecimal digits is its own key. Never empty.
 */
export const foldId = (text: string): string => plain(text, 's').replace(/s+/g, 's') || ' ';

export const ProjectId = id.brand<'ProjectId'>();
export type ProjectId = z.infer<typeof ProjectId>;
export const DomainId = id.brand<'DomainId'>();
export type DomainId = z.infer<typeof DomainId>;
export const UserId = id.brand<'UserId'>();
export type UserId = z.infer<typeof UserId>;

/**
 * `op-` and twelve hex digits, derived from the account and the generation. The same change gives
 * the same id.
 */
export const OperationId = z
  .string()
  .regex(/^op-[0-9a-f]{12}$/, 'an operation is called op- and twelve hex digits')
  .brand<'OperationId'>();
export type OperationId = z.infer<typeof OperationId>;

/** The name of an OpenStack service, for example `nova`. */
export const ServiceName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{1,30}$/, 'a service is called as its project, in small letters: nova')
  .brand<'ServiceName'>();
export type ServiceName = z.infer<typeof ServiceName>;

/** The name of a resource type: service and type, for example `nova.server`. */
export const ResourceTypeName = z
  .string()
  .regex(/^[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*$/)
  .brand<'KindName'>();
export type ResourceTypeName = z.infer<typeof ResourceTypeName>;

/** The id of a task: `<operation>/<service>/<region>`. */
export const TaskId = z
  .string()
  .regex(/^op-[0-9a-f]{12}\/[a-z][a-z0-9-]*\/.+$/)
  .brand<'TaskId'>();
export type TaskId = z.infer<typeof TaskId>;
