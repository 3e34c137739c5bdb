import * as z from 'zod';
import {
  Phase,
  ServiceFailed,
  ServiceFinished,
  ServiceProgressed,
  type ServiceReport,
  type ServiceRequested,
} from './service.ts';

const address = {
  operationId: true,
  taskId: true,
  service: true,
  region: true,
  phase: true,
  run: true,
} as const;
const mayBeLeftOut = { counts: true, conditions: true } as const;

/**
 * What a service of the operator's own answers to `service.requested`, over HTTP: the events that
 * any service sends, without the address, which follows from the task. `phase` is that of the
 * request that is answered: the end of a survey must not pass for the end of the cleanup.
 */
export const TaskReport = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('service.progressed'),
    phase: Phase,
    data: ServiceProgressed.shape.data
      .omit({ ...address, sequence: true })
      .extend({ again: ServiceProgressed.shape.data.shape.again.unwrap().omit({ enabled: true }) })
      .partial(mayBeLeftOut),
  }),
  z.object({
    type: z.literal('service.finished'),
    phase: Phase,
    data: ServiceFinished.shape.data.omit(address).partial(mayBeLeftOut),
  }),
  z.object({
    type: z.literal('service.failed'),
    phase: Phase,
    data: ServiceFailed.shape.data.omit(address).partial(mayBeLeftOut),
  }),
]);
export type TaskReport = z.infer<typeof TaskReport>;

/** The report as it travels, addressed to the pass at which the task stands. */
export function reportMessage(
  to: Pick<ServiceRequested['data'], 'operationId' | 'taskId' | 'service' | 'region' | 'run'>,
  report: TaskReport,
): ServiceReport {
  const { operationId, taskId, service, region, run } = to;
  const common = { operationId, taskId, service, region, phase: report.phase, run };
  const seen = { counts: report.data.counts ?? {}, conditions: report.data.conditions ?? [] };
  if (report.type === 'service.progressed')
    return { type: report.type, data: { ...common, ...report.data, ...seen, sequence: 0 } };
  if (report.type === 'service.finished')
    return { type: report.type, data: { ...common, ...report.data, ...seen } };
  return { type: report.type, data: { ...common, ...report.data, ...seen } };
}

/** Why a report can't be taken for an answer to the request; `undefined` when it can. */
export function contradiction(report: TaskReport, phase: Phase): string | undefined {
  if (phase !== report.phase) return `it is in phase ${phase}, the report is about ${report.phase}`;
  const left = Object.values(report.data.counts ?? {}).reduce((sum, count) => sum + count.left, 0);
  if (
    report.type === 'service.finished' &&
    report.data.result === 'finished' &&
    phase === 'apply' &&
    left > 0
  )
    return `${left} resources are left by its own count: that is service.progressed, not service.finished`;
  return undefined;
}
