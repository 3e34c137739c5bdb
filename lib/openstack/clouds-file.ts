import { parse } from 'yaml';
import * as z from 'zod';
import { credentialsError } from './credentials-error.ts';

/** What the outer world lends to the reading of credentials, so that it is a pure function. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file, `undefined` when there is none. */
  readonly readFile: (path: string) => string | undefined;
  readonly home: string;
  readonly cwd: string;
}

const yamlText = z.union([z.string(), z.number(), z.boolean()]).transform(String);
/** `null` is what YAML makes of a key without a value: as good as absent. */
const text = yamlText
  .nullish()
  .transform((value) => (value === null || value === '' ? undefined : value));
const flag = z.union([z.boolean(), z.string()]).nullish();

/** Fields of `auth`; as variables `OS_` and upper case. */
export const AUTH_FIELDS = [
  'auth_url',
  'username',
  'user_id',
  'password',
  'user_domain_id',
  'user_domain_name',
  'project_id',
  'project_name',
  'project_domain_id',
  'project_domain_name',
  'tenant_id',
  'tenant_name',
  'domain_id',
  'domain_name',
  'default_domain',
  'default_domain_id',
  'default_domain_name',
  'system_scope',
  'application_credential_id',
  'application_credential_name',
  'application_credential_secret',
] as const;
export type AuthField = (typeof AUTH_FIELDS)[number];
export type Auth = Partial<Record<AuthField, string | undefined>>;

const auth = z.object(Object.fromEntries(AUTH_FIELDS.map((name) => [name, text]))).nullish();
const cloud = z.object({
  auth,
  auth_type: text,
  profile: text,
  cloud: text,
  region_name: text,
  regions: z
    .array(z.union([yamlText, z.object({ name: yamlText }).transform((region) => region.name)]))
    .nullish(),
  interface: text,
  endpoint_type: text,
  cacert: text,
  verify: flag,
  insecure: flag,
});
/** Everything in it may be left out. */
export type CloudSection = Partial<z.infer<typeof cloud>>;
const file = z.object({ clouds: z.record(z.string(), z.unknown()).nullable() });

/** openstacksdk looks for these, in this order, in each folder. */
const ENDINGS = ['yaml', 'yml', 'json'];

/**
 * The section of a cloud in clouds.yaml, with secure.yaml laid over it, and the path of the file.
 * Looked for as openstacksdk does: `OS_CLIENT_CONFIG_FILE`, else the working folder,
 * ~/.config/openstack, /etc/openstack. Throws one line that names the file and the field.
 */
export function readCloud(
  name: string,
  from: Surroundings,
): { section: CloudSection; path: string } {
  const folders = [
    from.cwd,
    `${from.env.XDG_CONFIG_HOME || `${from.home}/.config`}/openstack`,
    '/etc/openstack',
  ];
  const find = (setting: string, base: string): { path: string; text: string } | undefined => {
    const chosen = from.env[setting];
    const paths = chosen
      ? [chosen]
      : folders.flatMap((folder) => ENDINGS.map((ending) => `${folder}/${base}.${ending}`));
    for (const path of paths) {
      const content = from.readFile(path);
      if (content !== undefined) return { path, text: content };
    }
    if (chosen) throw credentialsError(`${setting}: there is no readable file ${chosen}`);
    return undefined;
  };
  const clouds = find('OS_CLIENT_CONFIG_FILE', 'clouds');
  if (!clouds)
    throw credentialsError(`OS_CLOUD=${name}: there is no clouds.yaml in ${folders.join(', ')}`);
  const known = sections(clouds);
  const plain = known[name];
  if (plain === undefined)
    throw credentialsError(
      `OS_CLOUD=${name}: ${clouds.path} knows only ${Object.keys(known).join(', ') || 'no cloud at all'}`,
    );
  const secure = find('OS_CLIENT_SECURE_FILE', 'secure');
  const secret = secure ? sections(secure)[name] : undefined;
  return { section: section(merge(plain, secret), clouds.path, name), path: clouds.path };
}

function sections(source: { path: string; text: string }): Record<string, unknown> {
  let content: unknown;
  try {
    content = parse(source.text, { prettyErrors: false });
  } catch {
    // The parser's message quotes the line, which may hold a password.
    throw credentialsError(`${source.path}: this is not valid YAML`);
  }
  const parsed = file.safeParse(content);
  if (!parsed.success)
    throw credentialsError(`${source.path}: a key "clouds" with the clouds by name is missing`);
  return parsed.data.clouds ?? {};
}

function section(content: unknown, path: string, name: string): CloudSection {
  const parsed = cloud.safeParse(content ?? {});
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.map(String).join('.') ?? '';
  throw credentialsError(`${path}: clouds.${name}${where ? `.${where}` : ''} has the wrong type`);
}

/** secure.yaml holds the same tree with only the secrets in it. */
function merge(under: unknown, over: unknown): unknown {
  const tree = z.record(z.string(), z.unknown());
  const [below, above] = [tree.safeParse(under), tree.safeParse(over)];
  if (!above.success || !below.success) return over ?? under;
  const merged: Record<string, unknown> = { ...below.data };
  for (const [key, value] of Object.entries(above.data))
    merged[key] = merge(below.data[key], value);
  return merged;
}
