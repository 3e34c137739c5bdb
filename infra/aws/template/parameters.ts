import * as z from 'zod';
import { Settings, settingError } from '../../../lib/shared/settings.ts';

/**
 * The settings that are also parameters of a deployment, with the same names. The functions get
 * them as environment variables, except `PROPAGATOR_POLICY`, which names a file on the machine that
 * packages the stack. Only the embedded process and the relay have the other settings.
 */
export const SETTING_PARAMETERS = [
  'PROPAGATOR_MODE',
  'PROPAGATOR_GRACE_PERIOD',
  'PROPAGATOR_CONFIRMATION_INTERVAL',
  'PROPAGATOR_POLICY',
  'PROPAGATOR_TOKEN_CACHE_TIME',
  'PROPAGATOR_STALL_TIMEOUT',
  'PROPAGATOR_MAX_WAIT',
  'PROPAGATOR_PROTECTED_PROJECTS',
  'PROPAGATOR_PROTECTED_DOMAINS',
  'PROPAGATOR_MAX_OPERATIONS_PER_HOUR',
  'PROPAGATOR_MAX_RESOURCES_PER_OPERATION',
  'PROPAGATOR_DRIFT_RESOURCES',
  'PROPAGATOR_DRIFT_PERCENT',
  'PROPAGATOR_TWO_APPROVERS',
  'PROPAGATOR_CONCURRENCY',
  'PROPAGATOR_INCLUDE_SERVICES',
  'PROPAGATOR_REMOTE_SERVICES',
  'PROPAGATOR_API_AUTH',
  'PROPAGATOR_API_SCOPES',
  'PROPAGATOR_API_READER_ROLES',
  'PROPAGATOR_API_OPERATOR_ROLES',
  'PROPAGATOR_API_ADMIN_ROLES',
  'PROPAGATOR_API_RATE_LIMIT',
  'PROPAGATOR_LOG_LEVEL',
] as const;

/** The retention times in days that CloudWatch Logs accepts. */
const LOG_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288,
  3653,
];

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .refine(
      (text) => /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max,
      `write a number from ${min} to ${max}`,
    );
const idList = (pattern: RegExp, example: string) =>
  z
    .string()
    .refine(
      (text) => text === '' || itemsOf(text).every((id) => pattern.test(id)),
      `write ids with commas: ${example}`,
    );

/**
 * The parameters of a deployment, with their defaults. For example: `npx serverless deploy
 * --param="subnets=subnet-1,subnet-2"`.
 */
const Parameters = z.object({
  /** The address for the emails of alarms. The recipient must confirm the subscription. */
  alarmEmail: z
    .string()
    .regex(/^[^\s@,]+@[^\s@,]+$|^$/, 'write one address')
    .default(''),
  /** The address for urgent alarms (severity `page`). The default is `alarmEmail`. */
  pageEmail: z
    .string()
    .regex(/^[^\s@,]+@[^\s@,]+$|^$/, 'write one address')
    .default(''),
  /**
   * The VPC subnets and security groups of the functions, as comma-separated ids. They are
   * necessary if the APIs of OpenStack are not reachable over the internet. Set both, or neither.
   */
  subnets: idList(/^subnet-\w+$/, 'subnet-1,subnet-2').default(''),
  securityGroups: idList(/^sg-\w+$/, 'sg-1').default(''),
  /**
   * The ARN of a KMS key of the operator for the bus, queues, table, secret, topics and logs. The
   * default is a key of AWS. The policy of the key must contain the statements in docs/aws.md.
   */
  kmsKey: z
    .string()
    .regex(
      /^arn:[^:]+:kms:.+:key\/.+|^$/,
      'write the ARN of a key, not of an alias: arn:aws:kms:…:key/…',
    )
    .default(''),
  /** The ARN of an existing secret. If unset, the stack creates an empty secret. */
  secret: z
    .string()
    .regex(
      /^arn:[^:]+:secretsmanager:.+:secret:.+|^$/,
      'write the ARN of a secret: arn:aws:secretsmanager:…:secret:…',
    )
    .default(''),
  /**
   * `yes`: the stack creates no table, and uses the table of an earlier, removed stack of this
   * stage. `import-table.ts` then makes the table a part of the stack.
   */
  keptTable: z.literal(['', 'yes'], 'write yes, or omit the parameter').default(''),
  /**
   * Deletion protection of the table. With `no`, CloudFormation can delete the empty table after a
   * failed first deployment.
   */
  protectTable: z.literal(['yes', 'no'], 'write yes or no').default('yes'),
  /** The retention of the logs in days. */
  logDays: z
    .string()
    .refine(
      (text) => LOG_DAYS.includes(Number(text)),
      `CloudWatch permits only ${LOG_DAYS.join(', ')}`,
    )
    .default('90'),
  /** The retention of the events in the archive of the bus in days. */
  archiveDays: wholeNumber(1, 36_500).default('30'),
  /**
   * The alarm `silent-source` starts after this number of minutes without a notification and
   * without a heartbeat. CloudWatch allows at most a week.
   */
  silentMinutes: wholeNumber(5, 10_080).default('30'),
  /**
   * The URL of a folder with the runbooks, for the texts of the alarms. By default the alarms refer
   * to the dashboard of the stack, which contains the texts of the runbooks.
   */
  runbooks: z
    .string()
    .regex(/^https?:\/\/\S+$|^$/, 'write a whole URL: https://…')
    .default(''),
  /**
   * `yes`: X-Ray traces the functions. A trace follows a message through the bus and the queues.
   */
  tracing: z.literal(['', 'yes'], 'write yes, or omit the parameter').default(''),
  /**
   * The name of the API in the DNS of the operator, and the ARN of the certificate for this name in
   * ACM, in the region of the stack. Set both, or neither.
   */
  apiDomain: z
    .string()
    .regex(/^([a-z0-9-]+\.)+[a-z]{2,}$|^$/, 'write a name in lower case: propagator.example.org')
    .default(''),
  apiCertificate: z
    .string()
    .regex(
      /^arn:[^:]+:acm:.+:certificate\/.+|^$/,
      'write the ARN of a certificate: arn:aws:acm:…:certificate/…',
    )
    .default(''),
  /** The maximum number of requests to the API per second. Further requests are answered 429. */
  apiRate: wholeNumber(1, 10_000).default('50'),
});
export type Parameters = Readonly<z.infer<typeof Parameters>>;

/** Every name that `--param` accepts. */
export const PARAMETER_NAMES: readonly string[] = [
  ...Object.keys(Parameters.shape),
  ...SETTING_PARAMETERS,
];

/**
 * Validates the parameters of a deployment. An empty value counts as unset. Throws
 * `PropagatorError` with one line that names the first wrong or unknown parameter.
 */
export function readParameters(values: Readonly<Record<string, string>>): Parameters {
  const unknownName = Object.keys(values).find((name) => !PARAMETER_NAMES.includes(name));
  if (unknownName !== undefined)
    throw settingError(
      unknownName,
      unknownName in Settings.shape
        ? 'only the embedded process and the relay have this setting; remove the parameter'
        : `unknown parameter; the parameters are ${PARAMETER_NAMES.join(', ')}`,
    );
  const setValues = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''));
  const { data: parameters, error } = Parameters.safeParse(setValues);
  if (!parameters)
    throw settingError(String(error.issues[0]?.path[0]), error.issues[0]?.message ?? 'is wrong');
  if ((parameters.subnets === '') !== (parameters.securityGroups === ''))
    throw settingError('subnets and securityGroups', 'set both, or omit both');
  if ((parameters.apiDomain === '') !== (parameters.apiCertificate === ''))
    throw settingError('apiDomain and apiCertificate', 'set both, or omit both');
  return parameters;
}

/** Returns the items of a comma-separated list. */
export const itemsOf = (text: string): string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
