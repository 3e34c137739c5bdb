import * as z from 'zod';
import { credentialsError } from '../credentials-error.ts';

/** The sources of credentials. They are arguments, so that the functions here are pure. */
export interface CredentialSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file; `undefined` when it is missing or unreadable. */
  readonly readFile: (path: string) => string | undefined;
  readonly home: string;
  readonly cwd: string;
}

/** The sources of credentials, and the parser for their YAML files. */
export interface ParsableSources extends CredentialSources {
  /** Throws for invalid text. */
  readonly parseYaml: (text: string) => unknown;
}

/** A YAML mapping. */
export const YamlMapping = z.record(z.string(), z.unknown());
export type YamlMapping = z.infer<typeof YamlMapping>;

/** A file that was found and parsed. */
interface ParsedFile {
  readonly path: string;
  readonly content: YamlMapping;
}

/** File extensions in the order in which openstacksdk tries them in each folder. */
const FILE_EXTENSIONS = ['yaml', 'yml', 'json'];

const foldersOf = ({ cwd, home, env }: CredentialSources): string[] => [
  cwd,
  ...new Set([
    `${env.XDG_CONFIG_HOME || `${home}/.config`}/openstack`,
    `${home}/.config/openstack`,
  ]),
  ...(env.XDG_CONFIG_DIRS || '/etc/xdg').split(':').map((folder) => `${folder}/openstack`),
  '/etc/openstack',
];

/** The folders in which clouds.yaml is searched, as text for messages. */
export const searchedFoldersText = (sources: CredentialSources): string =>
  foldersOf(sources).join(', ');

/**
 * Reads the clouds by name, with secure.yaml merged over clouds.yaml, and the path of clouds.yaml.
 * `OS_CLIENT_CONFIG_FILE` and `OS_CLIENT_SECURE_FILE` take precedence over the folders of
 * openstacksdk, and a file that they name must exist. Throws an error that names the file.
 */
export function readClouds(sources: ParsableSources): {
  clouds: YamlMapping;
  path: string | undefined;
} {
  const file = readFirstFile(sources, 'clouds', 'OS_CLIENT_CONFIG_FILE');
  const secureFile = readFirstFile(sources, 'secure', 'OS_CLIENT_SECURE_FILE');
  const clouds = file ? cloudsOf(file) : {};
  return {
    clouds: secureFile ? YamlMapping.parse(mergeDeep(clouds, cloudsOf(secureFile))) : clouds,
    path: file?.path ?? secureFile?.path,
  };
}

/** Reads the profiles of clouds-public.yaml, by name. */
export function readPublicProfiles(sources: ParsableSources): YamlMapping {
  const file = readFirstFile(sources, 'clouds-public');
  if (file?.content['public-clouds'] === undefined) return {};
  const profiles = YamlMapping.safeParse(file.content['public-clouds']);
  if (profiles.success) return profiles.data;
  throw credentialsError(`${file.path}: public-clouds is not a mapping of profiles by name`);
}

/**
 * Reads the file that the variable `setting` names. Without this variable, reads the first file
 * with the name `fileName` and any of the extensions in the folders of openstacksdk.
 */
function readFirstFile(
  sources: ParsableSources,
  fileName: string,
  setting?: string,
): ParsedFile | undefined {
  const chosenPath = setting && sources.env[setting];
  const paths = chosenPath
    ? [chosenPath]
    : foldersOf(sources).flatMap((folder) =>
        FILE_EXTENSIONS.map((extension) => `${folder}/${fileName}.${extension}`),
      );
  for (const path of paths) {
    const text = sources.readFile(path);
    if (text !== undefined) return { path, content: parseMapping(path, text, sources.parseYaml) };
  }
  if (chosenPath) throw credentialsError(`${setting}: there is no readable file ${chosenPath}`);
  return undefined;
}

function parseMapping(
  path: string,
  text: string,
  parseYaml: ParsableSources['parseYaml'],
): YamlMapping {
  let content: unknown;
  try {
    content = parseYaml(text) ?? {};
  } catch {
    // The parser's message quotes the line, which may hold a password.
    throw credentialsError(`${path}: this is not valid YAML`);
  }
  const mapping = YamlMapping.safeParse(content);
  if (mapping.success) return mapping.data;
  throw credentialsError(`${path}: the content is not a mapping of fields`);
}

function cloudsOf({ path, content }: ParsedFile): YamlMapping {
  const clouds = YamlMapping.safeParse(content.clouds ?? {});
  if (clouds.success) return clouds.data;
  throw credentialsError(`${path}: "clouds" is not a mapping of clouds by name`);
}

/**
 * Returns `base` with the values of `overrides`, which have priority. Mappings are merged by key.
 */
function mergeDeep(base: unknown, overrides: unknown): unknown {
  const baseMapping = YamlMapping.safeParse(base);
  const overridesMapping = YamlMapping.safeParse(overrides);
  if (!overridesMapping.success || !baseMapping.success) return overrides ?? base;
  const merged: YamlMapping = { ...baseMapping.data };
  for (const [key, value] of Object.entries(overridesMapping.data))
    merged[key] = mergeDeep(baseMapping.data[key], value);
  return merged;
}
