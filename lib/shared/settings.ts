import { resolve } from 'node:path';
import * as z from 'zod';
import { BrokerUrlError, brokerUrls } from './broker-url.ts';
import { PropagatorError } from './errors.ts';

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `0s`, `1500ms`, `30m`, `1h`: a number and a unit, as milliseconds. */
const duration = z
  .string()
  .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, 'write a number and a unit: 0s, 90s, 30m, 1h')
  .transform((text) => {
    const [, number, unit] = /^([\d.]+)([a-z]+)$/.exec(text) ?? [];
    return Number(number) * UNITS[unit as keyof typeof UNITS];
  });
const ids = z.string().transform((text) =>
  text
    .split(',')
    .map((id) => id.trim())
    .filter((id) => id !== ''),
);
const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d+$/, 'write a whole number')
    .transform(Number)
    .refine((number) => number >= least && number <= most, `must be from ${least} to ${most}`);
const perService = z.string().transform((text, context): Record<string, number> => {
  const entries = text.split(',').filter((part) => part.trim() !== '');
  const pairs = entries.map((part) => /^\s*([a-z][a-z0-9-]*)\s*=\s*([1-9]\d{0,2})\s*$/.exec(part));
  if (pairs.some((pair) => pair === null))
    context.addIssue({ code: 'custom', message: 'write service=number pairs: nova=8,neutron=4' });
  return Object.fromEntries(
    pairs.flatMap((pair) => (pair?.[1] ? [[pair[1], Number(pair[2])]] : [])),
  );
});
const httpPlugins = z.string().transform((text, context): { name: string; url: string }[] => {
  const parts = text.split(',').filter((part) => part.trim() !== '');
  const pairs = parts.map((part) => /^\s*([a-z][a-z0-9-]{1,30})=(https?:\/\/\S+?)\s*$/.exec(part));
  if (pairs.some((pair) => pair === null))
    context.addIssue({
      code: 'custom',
      message: 'write name=url pairs: billing=http://127.0.0.1:9000/tasks',
    });
  return pairs.flatMap((pair) => (pair?.[1] && pair[2] ? [{ name: pair[1], url: pair[2] }] : []));
});
const brokers = z.string().transform((text, context): readonly string[] => {
  try {
    return brokerUrls(text);
  } catch (thrown) {
    if (!(thrown instanceof BrokerUrlError)) throw thrown;
    context.addIssue({ code: 'custom', message: thrown.message });
    return [];
  }
});
const httpUrl = z.string().regex(/^https?:\/\/\S+$/, 'must begin with http:// or https://');

/**
 * Every setting but OpenStack's own (`OS_*`), with its default. The table in the README lists the
 * same names; a test compares them.
 */
export const Settings = z.object({
  PROPAGATOR_MODE: z.enum(['observe', 'enforce']).default('observe'),
  PROPAGATOR_GRACE_PERIOD: duration.prefault('1h'),
  PROPAGATOR_CONFIRMATION_INTERVAL: duration
    .prefault('5s')
    .refine((millis) => millis >= 1000, 'two answers of Keystone must be at least 1s apart'),
  PROPAGATOR_STALL_TIMEOUT: duration.prefault('1h'),
  PROPAGATOR_DATA: z
    .string()
    .min(1)
    .default('./data')
    .transform((path) => resolve(path)),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\/\S+$/, 'must begin with postgres:// or postgresql://')
    .optional(),
  PROPAGATOR_PORT: whole(0, 65_535).prefault('8787'),
  PROPAGATOR_PROTECTED_PROJECTS: ids.prefault(''),
  PROPAGATOR_PROTECTED_DOMAINS: ids.prefault(''),
  PROPAGATOR_MAX_OPERATIONS_PER_HOUR: whole(1, 100_000).prefault('50'),
  PROPAGATOR_MAX_RESOURCES_PER_OPERATION: whole(1, 100_000_000).prefault('20000'),
  PROPAGATOR_CONCURRENCY: perService.prefault(''),
  PROPAGATOR_INCLUDE_SERVICES: ids.prefault(''),
  PROPAGATOR_SERVICE_MODULES: ids.prefault(''),
  PROPAGATOR_REMOTE_SERVICES: httpPlugins.prefault(''),
  PROPAGATOR_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  PROPAGATOR_INGEST_QUEUE_URL: httpUrl.optional(),
  /** Read by the commands alone; known here, so that a shell which has it can start a relay. */
  PROPAGATOR_API_URL: httpUrl.optional(),
  RABBITMQ_URL: brokers.optional(),
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

/** Ours, so that a misspelt one is an error and not a default. */
const OURS = /^(PROPAGATOR|RABBITMQ)_/;

/**
 * The settings from an environment. Empty variables count as unset.
 * Throws {@link PropagatorError} with one line that names the first wrong setting; its value is
 * never repeated, for it may hold a password.
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const set = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const unknown = Object.keys(set).find((name) => OURS.test(name) && !(name in Settings.shape));
  if (unknown !== undefined) throw settingError(unknown, `there is no such setting`);
  const parsed = Settings.safeParse(set);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw settingError(String(issue?.path[0]), issue?.message ?? 'is wrong');
}

/** A setting that is wrong, in one line that names it. */
export function settingError(name: string, why: string): PropagatorError {
  return new PropagatorError({
    code: 'settings.wrong',
    class: 'Denied',
    message: `${name}: ${why}`,
    advice: 'Correct it and start again; the README has a table of all settings.',
  });
}
