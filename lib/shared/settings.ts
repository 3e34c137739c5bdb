import { isIP } from 'node:net';
import { resolve } from 'node:path';
import * as z from 'zod';
import { PropagatorError } from './errors.ts';
import {
  brokerUrlList,
  duration,
  httpPlugins,
  httpUrl,
  idList,
  MILLIS_BY_UNIT,
  namedTokens,
  numberPerService,
  scopes,
  twoApprovers,
  wholeNumber,
  wordList,
} from './setting-values.ts';

/**
 * All settings except the settings of OpenStack (`OS_*`), with their defaults. A test compares them
 * with the table in docs/settings.md.
 */
export const Settings = z.object({
  PROPAGATOR_MODE: z.enum(['observe', 'enforce']).default('observe'),
  PROPAGATOR_GRACE_PERIOD: duration.prefault('1h'),
  PROPAGATOR_CONFIRMATION_INTERVAL: duration
    .prefault('5s')
    .refine(
      (millis) => millis >= 1000,
      'the interval between two answers of Keystone must be at least 1s',
    ),
  /** The policy file. Without it, a disabled project is only reported. */
  PROPAGATOR_POLICY: z
    .string()
    .min(1)
    .transform((path) => resolve(path))
    .optional(),
  /**
   * How long the services accept a token that they have validated (their setting
   * `token_cache_time`).
   */
  PROPAGATOR_TOKEN_CACHE_TIME: duration.prefault('300s'),
  PROPAGATOR_STALL_TIMEOUT: duration.prefault('1h'),
  PROPAGATOR_MAX_WAIT: duration
    .prefault('1h')
    .refine(
      (millis) => millis >= 1000 && millis <= 7 * MILLIS_BY_UNIT.d,
      'the longest wait must be from 1s to 7d',
    ),
  /** `0s` disables the sweep. An interval below one minute would put too much load on Keystone. */
  PROPAGATOR_SWEEP: duration
    .prefault('1h')
    .refine(
      (millis) => millis === 0 || millis >= 60_000,
      'write at least 1m, or 0s to disable the sweep',
    ),
  PROPAGATOR_DATA: z
    .string()
    .min(1)
    .default('./data')
    .transform((path) => resolve(path)),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\/\S+$/, 'must begin with postgres:// or postgresql://')
    .refine(
      URL.canParse,
      'is not a URL of the form postgres://user:password@host:5432/database; write / in a ' +
        'password as %2F',
    )
    .optional(),
  PROPAGATOR_PORT: wholeNumber(0, 65_535).prefault('8787'),
  PROPAGATOR_API_AUTH: z.enum(['token', 'keystone']).default('token'),
  PROPAGATOR_API_ADDRESS: z
    .string()
    .refine((text) => isIP(text) !== 0, 'must be an IP address, for example 0.0.0.0')
    .default('127.0.0.1'),
  PROPAGATOR_API_CERT_FILE: z.string().min(1).optional(),
  PROPAGATOR_API_KEY_FILE: z.string().min(1).optional(),
  PROPAGATOR_API_SCOPES: scopes.prefault('system'),
  PROPAGATOR_API_READER_ROLES: wordList.prefault('reader'),
  PROPAGATOR_API_OPERATOR_ROLES: wordList.prefault('propagator-operator'),
  PROPAGATOR_API_ADMIN_ROLES: wordList.prefault('admin,propagator-admin'),
  PROPAGATOR_API_RATE_LIMIT: wholeNumber(1, 1_000_000).prefault('600'),
  PROPAGATOR_API_TOKEN_FILE: z
    .string()
    .min(1)
    .transform((path) => resolve(path))
    .optional(),
  PROPAGATOR_API_TOKENS: namedTokens.prefault(''),
  /**
   * Only commands read this setting. It is defined here because a process with an unknown setting
   * does not start.
   */
  PROPAGATOR_API_TOKEN: z.string().optional(),
  PROPAGATOR_PROTECTED_PROJECTS: idList.prefault(''),
  PROPAGATOR_PROTECTED_DOMAINS: idList.prefault(''),
  PROPAGATOR_MAX_OPERATIONS_PER_HOUR: wholeNumber(1, 100_000).prefault('50'),
  PROPAGATOR_MAX_RESOURCES_PER_OPERATION: wholeNumber(1, 100_000_000).prefault('20000'),
  PROPAGATOR_DRIFT_RESOURCES: wholeNumber(0, 1000).prefault('10'),
  PROPAGATOR_DRIFT_PERCENT: wholeNumber(0, 100).prefault('5'),
  PROPAGATOR_TWO_APPROVERS: twoApprovers.prefault(''),
  PROPAGATOR_CONCURRENCY: numberPerService.prefault(''),
  PROPAGATOR_INCLUDE_SERVICES: wordList.prefault(''),
  PROPAGATOR_SERVICE_MODULES: wordList.prefault(''),
  PROPAGATOR_REMOTE_SERVICES: httpPlugins.prefault(''),
  PROPAGATOR_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  PROPAGATOR_INGEST_QUEUE_URL: httpUrl.optional(),
  /**
   * Only commands read this setting. It is defined here because a process with an unknown setting
   * does not start.
   */
  PROPAGATOR_API_URL: z
    .string()
    .refine(
      (value) => value === 'catalog' || httpUrl.safeParse(value).success,
      'must be a URL of the form https://host:port/path, or catalog',
    )
    .optional(),
  RABBITMQ_URL: brokerUrlList.optional(),
  RABBITMQ_CA_FILE: z.string().min(1).optional(),
  RABBITMQ_CERT_FILE: z.string().min(1).optional(),
  RABBITMQ_KEY_FILE: z.string().min(1).optional(),
  RABBITMQ_SERVER_NAME: z.string().min(1).optional(),
  RABBITMQ_EXCHANGE: z.string().min(1).default('keystone'),
  RABBITMQ_ROUTING_KEY: z.string().min(1).default('notifications.info'),
  RABBITMQ_QUEUE: z.string().min(1).default('keystone-propagator'),
  RABBITMQ_QUEUE_TYPE: z.enum(['classic', 'quorum']).default('classic'),
  RABBITMQ_TOPIC_QUEUE: z.string().min(1).optional(),
  RABBITMQ_SHARED_QUEUE: z.enum(['refuse', 'consume']).default('refuse'),
  RABBITMQ_MANAGEMENT_URL: httpUrl.optional(),
});
export type Settings = z.infer<typeof Settings>;

/**
 * The prefixes of the propagator's settings. An unknown setting with one of these prefixes is an
 * error.
 */
const SETTING_PREFIX = /^(PROPAGATOR|RABBITMQ)_/;

/**
 * Reads the settings from an environment. Empty variables count as unset. Throws {@link
 * PropagatorError} with one line that names the first wrong setting. The line does not contain the
 * value, because the value may be a password.
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const variables = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const unknownName = Object.keys(variables).find(
    (name) => SETTING_PREFIX.test(name) && !(name in Settings.shape),
  );
  if (unknownName !== undefined) throw unknownSettingError(unknownName);
  const parsed = Settings.safeParse(variables);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw settingError(String(issue?.path[0]), issue?.message ?? 'is invalid');
}

/** Returns the error for an unknown setting, with its present name or with similar names. */
function unknownSettingError(name: string): PropagatorError {
  const presentName = RENAMED_SETTINGS[name];
  if (presentName !== undefined) return settingError(name, `this setting is now ${presentName}`);
  const similarNames = Object.keys(Settings.shape).filter(
    (settingName) => editDistance(settingName, name) <= 3,
  );
  const suggestion =
    similarNames.length === 0 ? '' : `; did you mean ${similarNames.join(' or ')}?`;
  return settingError(name, `there is no setting with this name${suggestion}`);
}

/** The settings of earlier releases, with their present names. */
const RENAMED_SETTINGS: Readonly<Record<string, keyof Settings>> = {
  PROPAGATOR_GRACE: 'PROPAGATOR_GRACE_PERIOD',
  PROPAGATOR_CONFIRM_APART: 'PROPAGATOR_CONFIRMATION_INTERVAL',
  PROPAGATOR_PATIENCE: 'PROPAGATOR_STALL_TIMEOUT',
  PROPAGATOR_MOST_OPERATIONS_AN_HOUR: 'PROPAGATOR_MAX_OPERATIONS_PER_HOUR',
  PROPAGATOR_MOST_THINGS: 'PROPAGATOR_MAX_RESOURCES_PER_OPERATION',
  PROPAGATOR_SINK: 'PROPAGATOR_INGEST_QUEUE_URL',
  PROPAGATOR_URL: 'PROPAGATOR_API_URL',
};

/** Returns the Levenshtein distance: the number of characters to add, remove or change. */
function editDistance(one: string, other: string): number {
  let previousRow = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, character] of [...one].entries()) {
    const row = [index + 1];
    for (const [column, otherCharacter] of [...other].entries())
      row.push(
        Math.min(
          (previousRow[column] ?? 0) + (character === otherCharacter ? 0 : 1),
          (previousRow[column + 1] ?? 0) + 1,
          (row[column] ?? 0) + 1,
        ),
      );
    previousRow = row;
  }
  return previousRow.at(-1) ?? 0;
}

/** Returns the error for a wrong setting. The message is one line that names the setting. */
export function settingError(name: string, why: string): PropagatorError {
  return new PropagatorError({
    code: 'settings.wrong',
    class: 'Denied',
    message: `${name}: ${why}`,
    advice: 'Correct the setting and start again. docs/settings.md lists all settings.',
  });
}
