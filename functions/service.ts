import type { Message } from '../events/index.ts';
import type { Condition, Counts, ServiceReport, ServiceRequested } from '../events/service.ts';
import { Confirmation, type Protection, protectedBecause } from '../lib/cleanup/laws.ts';
import { cleanupPass, freshOnce, type PassReport } from '../lib/cleanup/pass.ts';
import type { Reach, Service } from '../lib/cleanup/service.ts';
import type { Delivery, Engine } from '../lib/engine/port.ts';
import { type ErrorReport, reportOf } from '../lib/errors.ts';
import type { Cloud } from '../lib/openstack/cloud.ts';
import type { Mode, Operation } from '../lib/operation/model.ts';

export interface ServicePorts {
  readonly engine: Engine;
  readonly cloud: Cloud;
  /** All services, so that one may ask another. */
  readonly services: readonly Service[];
  readonly mode: Mode;
  readonly apartMillis: number;
  readonly protection: () => Promise<Protection>;
  readonly concurrency: Readonly<Record<string, number>>;
  /** How long one pass may begin new removals. */
  readonly budgetMillis: number;
  now(): number;
}

/** Counts on the way are told at most so often. */
const TELL_EVERY_MILLIS = 400;

/** The function of one service: do the pass that was asked for, and say what became of it. */
export async function serve(service: Service, deliveries: readonly Delivery[], ports: ServicePorts): Promise<void> {
  for (const { message } of deliveries) {
    if (message.type !== 'service.requested') continue;
    const request = message.data;
    const [operation, task] = await Promise.all([
      ports.engine.reads.operation(request.operationId),
      ports.engine.reads.task(request.taskId),
    ]);
    // The fence: a late or doubled message asks for a pass that is over.
    if (!operation || !task || task.pass !== request.pass || task.endedAt !== undefined) continue;
    await ports.engine.commit({ messages: [await report(service, message, operation, ports)] });
  }
}

async function report(service: Service, message: ServiceRequested, operation: Operation, ports: ServicePorts): Promise<ServiceReport> {
  const { project: _project, confirmedAt: _confirmedAt, members: _members, seenEmpty, provenEarly, ...address } = message.data;
  try {
    const obstacle = await obstacleTo(message, operation, ports);
    if (obstacle)
      return {
        type: 'service.progressed',
        data: { ...address, sequence: 0, counts: {}, conditions: [obstacle], again: { afterSeconds: 60 } },
      };
    const reach = await reachOf(service, message, ports);
    if (!reach) {
      const because = `the catalog of this cloud has no ${service.name} in ${message.data.region}`;
      return { type: 'service.finished', data: { ...address, result: 'skipped', because, counts: {}, conditions: [] } };
    }
    const pass = await cleanupPass({
      service,
      reach,
      phase: message.data.phase,
      confirmation: Confirmation.of(message.data.project, message.data.confirmedAt, ports.apartMillis),
      seenEmpty,
      provenEarly,
      concurrency: ports.concurrency[service.name] ?? service.concurrency,
      deadline: ports.now() + ports.budgetMillis,
      onCounts: tellCounts(address, ports),
    });
    return asReport(address, pass);
  } catch (thrown) {
    const error = reportOf(thrown, { code: `${service.name}.pass`, service: service.name, region: message.data.region });
    return failure(address, error);
  }
}

type Address = Omit<ServiceRequested['data'], 'project' | 'confirmedAt' | 'members' | 'seenEmpty' | 'provenEarly'>;

function asReport(address: Address, { counts, conditions, outcome }: PassReport): ServiceReport {
  const seen = { ...address, counts, conditions: [...conditions] };
  if (outcome.is === 'finished') return { type: 'service.finished', data: { ...seen, result: 'finished' } };
  if (outcome.is === 'unreachable') return { type: 'service.finished', data: { ...seen, result: 'unreachable', because: outcome.because } };
  if (outcome.is === 'failed') return { type: 'service.failed', data: { ...seen, error: outcome.error } };
  const error = outcome.error ? { error: outcome.error } : {};
  return { type: 'service.progressed', data: { ...seen, sequence: 0, again: { afterSeconds: outcome.afterSeconds, ...error } } };
}

/** A service that does not answer is looked at again; one that speaks no version of ours is out of reach; the rest is a failure. */
function failure(address: Address, error: ErrorReport): ServiceReport {
  const none = { ...address, counts: {}, conditions: [] };
  // It is there and can't be spoken to: what it holds is not known, so this must not pass for done.
  if (error.class === 'Unsupported') return { type: 'service.finished', data: { ...none, result: 'unreachable', because: error.message } };
  if (error.class !== 'Transient') return { type: 'service.failed', data: { ...none, error } };
  return { type: 'service.progressed', data: { ...none, sequence: 0, again: { afterSeconds: error.retryAfterSeconds ?? 0, error } } };
}

/**
 * What forbids a destructive pass now, asked again each time, for hours may lie between two passes:
 * the mode (law 11), a protection that was set meanwhile (law 7), a project that Keystone shows again (law 1).
 */
async function obstacleTo({ data }: ServiceRequested, operation: Operation, ports: ServicePorts): Promise<Condition | undefined> {
  if (data.phase === 'survey') return undefined;
  const stop = (message: string, advice: string): Condition => ({ class: 'Blocked', message, actor: 'operator', advice, count: 1 });
  if (ports.mode === 'observe')
    return stop('the mode is observe: nothing is removed', 'Start with PROPAGATOR_MODE=enforce to let it go on.');
  const reason = protectedBecause(operation.scope, await ports.protection());
  if (reason) return stop(`protected: ${reason}`, 'Take the protection away, or leave the operation as it is.');
  const shown = await ports.cloud.keystone.show('project', data.project);
  if (shown.is === 'present')
    return stop('Keystone shows the project again: nothing more is removed', 'Find out who restored it in Keystone.');
  return undefined;
}

async function reachOf(service: Service, { data }: ServiceRequested, ports: ServicePorts): Promise<Reach | undefined> {
  const api = await ports.cloud.api(service, data.region);
  return (
    api && {
      project: data.project,
      region: data.region,
      api,
      members: data.members,
      onProject: undefined,
      now: ports.now,
      once: freshOnce(),
      other: (name) => {
        const known = ports.services.find((other) => other.name === name);
        return ports.cloud.api(
          known ?? { name: service.name, catalogTypes: [name], microversion: undefined, concurrency: service.concurrency },
          data.region,
        );
      },
    }
  );
}

/** Sends the counts as they change, each report after the one before it, never more often than a person can read. */
function tellCounts(address: Address, ports: ServicePorts): (counts: Counts) => void {
  let toldAt = ports.now();
  let sequence = 0;
  return (counts) => {
    if (ports.now() - toldAt < TELL_EVERY_MILLIS) return;
    toldAt = ports.now();
    sequence += 1;
    const message: Message = { type: 'service.progressed', data: { ...address, sequence, counts, conditions: [] } };
    // Lost counts are made good by the report at the end; a broken store shows there, too.
    ports.engine.commit({ messages: [message] }).catch(() => undefined);
  };
}
