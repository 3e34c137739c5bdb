import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod';

const Case = z.strictObject({
  about: z.string(),
  /** The environment; default `OS_CLOUD=x`. */
  env: z.record(z.string(), z.string()).default({ OS_CLOUD: 'x' }),
  /**
   * Files by their path below the home folder. Each value is the name of a file in `files/`, or
   * `@ca`.
   */
  files: z.record(z.string(), z.string()),
  /** True if region and interface matter. The client then queries the image service, too. */
  endpoint: z.boolean().default(false),
  /**
   * A deliberate difference of the propagator: a part of its refusal, or the reason why it accepts
   * the case.
   */
  ours: z
    .union([z.strictObject({ refuses: z.string() }), z.strictObject({ accepts: z.string() })])
    .optional(),
});
export type Case = z.infer<typeof Case>;

const folder = import.meta.dirname;

/** The table of clouds.yaml files and environments. */
export const readCases = (): Record<string, Case> =>
  z.record(z.string(), Case).parse(JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')));

/** Writes the files of a case below `home`, and returns its whole environment. */
export function writeCase(
  { env, files }: Case,
  home: string,
  fill: (text: string) => string,
): Record<string, string> {
  mkdirSync(join(home, 'work'), { recursive: true });
  for (const [path, name] of Object.entries(files)) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    const text =
      name === '@ca'
        ? readFileSync(fill('@dir@/ca.pem'), 'utf8')
        : readFileSync(join(folder, 'files', name), 'utf8');
    writeFileSync(join(home, path), fill(text));
  }
  const filled = Object.entries(env).map(([key, value]) => [
    key,
    fill(value.replaceAll('@home@', home)),
  ]);
  return { HOME: home, ...Object.fromEntries(filled) };
}

const Effect = z.strictObject({
  login: z.strictObject({ url: z.string(), body: z.unknown(), certificate: z.string().optional() }),
  proxied: z.boolean(),
  image: z.string().optional(),
});
/** The result of a client with a case: a login, or a refusal with a text. */
export const Outcome = z.union([Effect, z.strictObject({ refused: z.string() })]);
export type Outcome = z.infer<typeof Outcome>;

export const Recorded = z.strictObject({
  /** The packages of each client with their versions. */
  clients: z.record(z.string(), z.record(z.string(), z.string())),
  outcomes: z.record(z.string(), z.record(z.string(), Outcome)),
});
export type Recorded = z.infer<typeof Recorded>;

export const recordedPath = join(folder, 'recorded.json');
export const readRecorded = (): Recorded =>
  Recorded.parse(JSON.parse(readFileSync(recordedPath, 'utf8')));
