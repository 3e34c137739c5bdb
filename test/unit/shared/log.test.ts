import { Writable } from 'node:stream';
import { loggingEngine } from '../../../lib/engine/logging-engine.ts';
import { SteppedEngine } from '../../../lib/engine/memory/stepped.ts';
import { createLogger } from '../../../lib/shared/log.ts';
import { confirmation, operation, quarantined, requested, task } from '../../engine/samples.ts';
import { deleted, Simulation, TARGET } from '../../property/simulation.ts';
import { SECRET_PART, SECRET_TEXTS } from './secrets.ts';

function capture() {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _, done) {
      lines.push(String(chunk));
      done();
    },
  });
  return { lines, log: createLogger('debug', stream) };
}

describe('the log', () => {
  it('redacts fields with names of secrets, at the top and one level below', () => {
    const { lines, log } = capture();
    log.info(
      {
        password: 'hunter2',
        login: { token: 'hunter2', secret: 'hunter2' },
        headers: { 'x-auth-token': 'hunter2' },
        url: 'amqp://u:hunter2@h',
      },
      'connected',
    );
    expect(lines.join('')).not.toContain('hunter2');
    expect(lines.join('')).toContain('[redacted]');
  });

  it.each(SECRET_TEXTS)('redacts %s in every text and in the message', (_, text) => {
    const { lines, log } = capture();
    log.warn({ cause: text, error: { message: text, list: [text] } }, text);
    log.error(text);
    expect(lines).toHaveLength(2);
    expect(lines.join('')).not.toContain(SECRET_PART);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'warn',
      cause: expect.stringContaining('[redacted]'),
    });
  });

  it('has one JSON line for each change of an operation and its tasks', async () => {
    const { lines, log } = capture();
    const simulation = new Simulation({
      resources: [1, 1, 0],
      lingers: 0,
      failures: 0,
      failWith: 'Transient',
    });
    const engine = loggingEngine(simulation.engine, log);
    await engine.commit({ messages: [deleted(TARGET)] });
    await simulation.settle({ ...simulation.deps, engine });
    const logged = lines.map((line): { msg: string; service?: string } => JSON.parse(line));
    expect(logged.filter(({ msg }) => msg.startsWith('operation')).map(({ msg }) => msg)).toEqual([
      'operation confirming',
      'operation running',
      'operation finished',
    ]);
    expect(logged.filter(({ service }) => service === 'first').map(({ msg }) => msg)).toEqual([
      'task planning',
      'task pending',
      'task requested',
      'task finished',
    ]);
  });

  it('has no line for a change that was not committed', async () => {
    const { lines, log } = capture();
    const engine = new SteppedEngine();
    engine.commit = async () => 'conflict';
    await loggingEngine(engine, log).commit({
      quarantine: [
        { id: '1', reason: 'r', body: '', encoding: 'utf8', bytes: 0, source: 's', receivedAt: 0 },
      ],
    });
    expect(lines).toEqual([]);
  });

  it('has one line for each reminder, dead letter, quarantined notification and held operation', async () => {
    const { lines, log } = capture();
    const held = operation({ state: 'held', hold: { reason: 'cap' } as never });
    const error = { code: 'c', class: 'Denied', message: 'm', advice: 'a' } as const;
    const deadLetter = { message: requested('nova', 1, held.id), error };
    const reminder = { operationId: held.id, endsAt: 5, beforeSeconds: 60 };
    const change = {
      operations: [held],
      tasks: [task(held.id)],
      messages: [confirmation(held.id), { type: 'operation.due' as const, data: reminder }],
      deadLetters: [deadLetter],
      quarantine: [quarantined()],
    };
    const engine = loggingEngine(new SteppedEngine(), log);
    expect(await engine.commit(change)).toBe('committed');
    const first = lines.map((line): object => JSON.parse(line));
    expect(first).toMatchObject([
      {
        level: 'warn',
        msg: 'operation held',
        operation: held.id,
        about: 'project shop',
        reason: 'cap',
      },
      {
        level: 'info',
        msg: 'task planning',
        operation: held.id,
        service: 'nova',
        found: 0,
        left: 0,
      },
      { level: 'warn', msg: expect.stringMatching(/^operation.due: /), endsAt: 5 },
      {
        level: 'error',
        msg: expect.stringMatching(/^dead letter: /),
        operation: held.id,
        code: 'c',
      },
      { level: 'warn', msg: 'notification in quarantine', reason: 'not JSON', source: 'http' },
    ]);
    // Only a new state of an operation or a task is logged.
    const again = { ...held, version: 1, confirmation: 2 };
    expect(await engine.commit({ operations: [again] })).toBe('committed');
    expect(lines).toHaveLength(first.length);
  });
});
