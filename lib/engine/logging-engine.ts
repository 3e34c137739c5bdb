import type { OutgoingMessage } from '../../events/index.ts';
import { totalCounts } from '../operation/counts.ts';
import type { Operation, Task } from '../operation/model.ts';
import type { Log } from '../shared/log.ts';
import type { Change, Engine } from './port.ts';

const accountText = ({ scope }: Operation): string => `${scope.type} ${scope.name ?? scope.id}`;

/** The number of operations and tasks whose last logged state a logging engine remembers. */
const MAX_LOGGED_STATES = 10_000;

/**
 * Wraps an engine. The result logs each committed change: new states of operations and tasks,
 * dead-letter messages, and notifications in quarantine.
 */
export function loggingEngine(engine: Engine, log: Log): Engine {
  const loggedStates = new Map<string, string>();
  const isNewState = (id: string, state: string): boolean => {
    if (loggedStates.get(id) === state) return false;
    loggedStates.set(id, state);
    if (loggedStates.size > MAX_LOGGED_STATES)
      loggedStates.delete(loggedStates.keys().next().value ?? '');
    return true;
  };
  return {
    reads: engine.reads,
    deadLetters: engine.deadLetters.bind(engine),
    health: engine.health.bind(engine),
    close: engine.close.bind(engine),
    async redrive(filter, author) {
      const deadLetters = await engine.redrive(filter, author);
      log.info({ ...filter, ...author, deadLetters }, 'dead-letter messages redriven');
      return deadLetters;
    },
    async discard(filter, author) {
      const deadLetters = await engine.discard(filter, author);
      // The list of ids may be too long for a log line.
      const { ids: _, ...loggedFilter } = filter;
      log.warn({ ...loggedFilter, ...author, deadLetters }, 'dead-letter messages discarded');
      return deadLetters;
    },
    async commit(change) {
      const outcome = await engine.commit(change);
      if (outcome === 'committed') logChange(change, log, isNewState);
      return outcome;
    },
  };
}

function logChange(
  { operations = [], tasks = [], messages = [], deadLetters = [], quarantine = [] }: Change,
  log: Log,
  isNewState: (id: string, state: string) => boolean,
): void {
  for (const operation of operations)
    if (isNewState(operation.id, operation.state)) logOperation(operation, log);
  for (const task of tasks) if (isNewState(task.id, task.state)) logTask(task, log);
  logReminders(messages, log);
  for (const { message, error } of deadLetters)
    log.error(
      { operation: message.data.operationId, ...error },
      'dead letter: fix the cause, then redrive',
    );
  for (const { reason, source, bytes } of quarantine)
    log.warn({ reason, source, bytes }, 'notification in quarantine');
}

function logOperation(operation: Operation, log: Log): void {
  const fields = {
    operation: operation.id,
    about: accountText(operation),
    mode: operation.mode,
    reason: operation.hold?.reason,
  };
  log[operation.hold ? 'warn' : 'info'](fields, `operation ${operation.state}`);
}

function logTask(task: Task, log: Log): void {
  const { found, removed, left } = totalCounts(task.counts);
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

/** Logs each reminder that a recovery window ends. */
function logReminders(messages: readonly OutgoingMessage[], log: Log): void {
  for (const message of messages)
    if (message.type === 'operation.due')
      log.warn(
        message.data,
        'operation.due: the deletion begins when the recovery window ends, at endsAt',
      );
}
