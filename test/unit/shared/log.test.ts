import { Writable } from 'node:stream';
import { SteppedEngine } from '../../../lib/engine/memory/stepped.ts';
import { observedEngine } from '../../../lib/engine/observed.ts';
import { createLogger } from '../../../lib/shared/log.ts';
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
    const engine = observedEngine(simulation.engine, log);
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
    await observedEngine(engine, log).commit({
      quarantine: [
        { id: '1', reason: 'r', body: '', encoding: 'utf8', bytes: 0, source: 's', receivedAt: 0 },
      ],
    });
    expect(lines).toEqual([]);
  });
});
