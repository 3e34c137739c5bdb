import * as z from 'zod';
import { plainText } from '../lib/shared/plain-text.ts';
import {
  Phase,
  ServiceFailed,
  ServiceFinished,
  ServiceProgressed,
  type ServiceReport,
  type ServiceRequested,
} from './service.ts';

/** The fields that the propagator takes from the task, and not from the plugin's report. */
const runIdentity = {
  operationId: true,
  taskId: true,
  service: true,
  region: true,
  phase: true,
  run: true,
} as const;
/** The fields that a plugin may omit. */
const optionalFields = { counts: true, conditions: true } as const;

/**
 * The answer of an HTTP plugin to `service.requested`. It has the fields of the reports of other
 * services, except those that identify the run. `phase` must repeat the phase of the request, so
 * that the end of phase `plan` does not count as the end of the cleanup.
 */
export const TaskReport = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('service.progressed'),
    phase: Phase,
    data: ServiceProgressed.shape.data
      .omit({ ...runIdentity, sequence: true })
      .extend({ again: ServiceProgressed.shape.data.shape.again.unwrap().omit({ enabled: true }) })
      .partial(optionalFields),
  }),
  z.object({
    type: z.literal('service.finished'),
    phase: Phase,
    data: ServiceFinished.shape.data.omit(runIdentity).partial(optionalFields),
  }),
  z.object({
    type: z.literal('service.failed'),
    phase: Phase,
    data: ServiceFailed.shape.data.omit(runIdentity).partial(optionalFields),
  }),
]);
export type TaskReport = z.infer<typeof TaskReport>;

/** Limits for a report of an HTTP plugin: lengths of texts in characters, numbers of entries. */
const MAX_SENTENCE_LENGTH = 500;
const MAX_NAME_LENGTH = 200;
const MAX_CONDITIONS = 25;
const MAX_TYPES = 100;

/** Returns why a report is too large, or `undefined` if it is not. */
export function oversizeReason(report: TaskReport): string | undefined {
  const { counts = {}, conditions = [] } = report.data;
  if (conditions.length > MAX_CONDITIONS)
    return `the report has ${conditions.length} conditions; the limit is ${MAX_CONDITIONS}`;
  const types = Object.keys(counts).length;
  return types > MAX_TYPES
    ? `the report has counts of ${types} types; the limit is ${MAX_TYPES}`
    : undefined;
}

/**
 * Returns the report with each free text on one line, shortened, without secrets and control
 * characters. Another program wrote these texts, and terminals show them.
 */
export function plainReport(report: TaskReport): TaskReport {
  const conditions = report.data.conditions?.map(plainFields);
  const plainConditions = conditions ? { conditions } : {};
  if (report.type === 'service.failed')
    return {
      ...report,
      data: { ...report.data, ...plainConditions, error: plainFields(report.data.error) },
    };
  if (report.type === 'service.finished') {
    const { because } = report.data;
    const plainBecause =
      because === undefined ? {} : { because: plainText(because, MAX_SENTENCE_LENGTH) };
    return { ...report, data: { ...report.data, ...plainConditions, ...plainBecause } };
  }
  const { again } = report.data;
  const plainAgain = again && {
    ...again,
    ...(again.error ? { error: plainFields(again.error) } : {}),
    ...(again.returned ? { returned: plainFields(again.returned) } : {}),
  };
  return {
    ...report,
    data: { ...report.data, ...plainConditions, ...(plainAgain ? { again: plainAgain } : {}) },
  };
}

/** Fields that contain sentences. The other text fields contain names, which have a lower limit. */
const SENTENCE_FIELDS = ['message', 'advice'];

/** Returns the object with each text field on one line, shortened and without secrets. */
export function plainFields<Value extends object>(value: Value): Value {
  const plainEntries = Object.entries(value).map(([name, field]) => [
    name,
    typeof field === 'string'
      ? plainText(field, SENTENCE_FIELDS.includes(name) ? MAX_SENTENCE_LENGTH : MAX_NAME_LENGTH)
      : field,
  ]);
  return { ...value, ...Object.fromEntries(plainEntries) };
}

/** Returns the report of a plugin as an event about the current run of the task. */
export function reportEvent(
  task: Pick<ServiceRequested['data'], 'operationId' | 'taskId' | 'service' | 'region' | 'run'>,
  report: TaskReport,
): ServiceReport {
  const { operationId, taskId, service, region, run } = task;
  const identity = { operationId, taskId, service, region, phase: report.phase, run };
  const countsAndConditions = {
    counts: report.data.counts ?? {},
    conditions: report.data.conditions ?? [],
  };
  if (report.type === 'service.progressed')
    return {
      type: report.type,
      data: { ...identity, ...report.data, ...countsAndConditions, sequence: 0 },
    };
  if (report.type === 'service.finished')
    return { type: report.type, data: { ...identity, ...report.data, ...countsAndConditions } };
  return { type: report.type, data: { ...identity, ...report.data, ...countsAndConditions } };
}

/** Returns why a report contradicts the request or itself, or `undefined` if it does not. */
export function contradictionReason(report: TaskReport, phase: Phase): string | undefined {
  if (phase !== report.phase)
    return `the task is in phase ${phase}, but the report is about phase ${report.phase}`;
  const leftCount = Object.values(report.data.counts ?? {}).reduce(
    (sum, { left }) => sum + left,
    0,
  );
  if (
    report.type === 'service.finished' &&
    report.data.result === 'finished' &&
    phase === 'apply' &&
    leftCount > 0
  )
    return (
      `the report says finished, but its own counts show resources that are left (${leftCount}); ` +
      'send service.progressed'
    );
  return undefined;
}
