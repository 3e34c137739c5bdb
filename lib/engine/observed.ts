import { total } from '../operation/counts.ts';
import type { Operation } from '../operation/model.ts';
import type { Log } from '../shared/log.ts';
import type { Change, Engine } from './port.ts';

const subjectOf = ({ scope }: Operation): string => `${scope.type} ${scope.name ?? scope.id}`;

/**
 * Wraps an engine so that it logs each committed change of operations, tasks, dead-letter messages
 * and the quarantine.
 */
export function observedEngine(engine: Engine, log: Log): Engine {
  const states = new Map<string, string>();
  const isNew = (id: string, state: string): boolean => {
    if (states.get(id) === state) return false;
    states.set(id, state);
    if (states.size > 10_000) states.delete(states.keys().next().value ?? '');
    return true;
  };
  return {
    reads: engine.reads,
    deadLetters: engine.deadLetters.bind(engine),
    health: engine.health.bind(engine),
    close: engine.close.bind(engine),
    async redrive(filter, decided) {
      const deadLetters = await engine.redrive(filter, decided);
      log.info({ ...filter, ...decided, deadLetters }, 'dead letters sent back');
      return deadLetters;
    },
    async discard(filter, decided) {
      const deadLetters = await engine.discard(filter, decided);
      const { ids: _, ...scope } = filter;
      log.warn({ ...scope, ...decided, deadLetters }, 'dead-letter messages discarded');
      return deadLetters;
    },
    async commit(change) {
      const outcome = await engine.commit(change);
      if (outcome === 'committed') logChange(change, log, isNew);
      return outcome;
    },
  };
}

function logChange(change: Change, log: Log, isNew: (id: string, state: string) => boolean): void {
  for (const operation of change.operations ?? []) {
    if (!isNew(operation.id, operation.state)) continue;
    const fields = {
      operation: operation.id,
      about: subjectOf(operation),
      mode: operation.mode,
      reason: operation.hold?.reason,
    };
    log[operation.hold ? 'warn' : 'info'](fields, `operation ${operation.state}`);
  }
  for (const task of change.tasks ?? []) {
    if (!isNew(task.id, task.state)) continue;
    const { found, removed, left } = total(task.counts);
    const fields = {
      operation: task.operationId,
      service: task.service,
      region: task.region,
      found,
      removed,
      left,
      because: task.because,
    };
    log.info(fields, `task ${task.state}`);
  }
  for (const message of change.messages ?? [])
    if (message.type === 'operation.due')
      log.warn(
        message.data,
        'operation.due: the recovery window ends, and the deletion begins then',
      );
  for (const { message, error } of change.deadLetters ?? [])
    log.error(
      { operation: message.data.operationId, ...error },
      'dead letter: fix the cause, then redrive',
    );
  for (const { reason, source, bytes } of change.quarantine ?? [])
    log.warn({ reason, source, bytes }, 'notification in quarantine');
}
