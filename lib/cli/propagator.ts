#!/usr/bin/env node
import { userInfo } from 'node:os';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import * as z from 'zod';
import { PropagatorError } from '../errors.ts';
import { OPERATION_STATES } from '../operation/model.ts';
import { ApiClient } from './client.ts';
import { colours } from './output.ts';
import { DeadLettersShape, OperationShape, OperationsShape, QuarantineShape, StatusShape } from './shapes.ts';
import { showDeadLetters, showOperation, showOperations, showQuarantine, showStatus } from './show.ts';

/** 0 done · 1 error · 3 ended without proof or held · 4 a dead letter waits · 5 still running · 64 wrong usage. */
const EXIT = { error: 1, unproven: 3, deadLetter: 4, running: 5, usage: 64 } as const;

const client = new ApiClient(process.env.PROPAGATOR_URL ?? `http://127.0.0.1:${process.env.PROPAGATOR_PORT ?? '8787'}`);
const colour = colours(process.stdout, process.env);
const me = (): string => process.env.SUDO_USER ?? userInfo().username;

/** Prints for a person, or as one JSON document. */
function print<T>(answer: T, json: boolean | undefined, show: (answer: T) => string): void {
  process.stdout.write(`${json ? JSON.stringify(answer, undefined, 2) : show(answer)}\n`);
}
const query = (parameters: Readonly<Record<string, string | undefined>>): string => {
  const set = Object.entries(parameters).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]]));
  return set.length > 0 ? `?${new URLSearchParams(set)}` : '';
};

const program = new Command('propagator')
  .description('Carries account changes of Keystone to every OpenStack service, and shows how far they are.')
  .addHelpText(
    'after',
    '\nExit codes: 0 done, 1 error, 3 ended without proof or held, 4 a dead letter waits, 5 still running, 64 wrong usage.',
  )
  .exitOverride()
  .showSuggestionAfterError();

program
  .command('start')
  .description('run everything in this process until it is told to stop (SIGTERM, Ctrl-C)')
  .action(async () => {
    const { start } = await import('./start.ts');
    await start(process.env);
  });

interface OperationsOptions {
  json?: boolean;
  state?: string;
  project?: string;
  domain?: string;
  limit?: string;
}
program
  .command('operations')
  .description('operations, newest first')
  .option('--state <state>', OPERATION_STATES.join(', '), (value) => {
    if (!OPERATION_STATES.some((state) => state === value)) throw new InvalidArgumentError(`one of ${OPERATION_STATES.join(', ')}`);
    return value;
  })
  .option('--project <id>')
  .option('--domain <id>')
  .option('--limit <number>')
  .option('--json')
  .action(async ({ json, ...filter }: OperationsOptions) => {
    const answer = await client.get(`/v1/operations${query(filter)}`, OperationsShape);
    print(answer, json, ({ operations }) => showOperations(operations, Date.now(), colour));
  });

program
  .command('operation <id>')
  .description('one operation: its tasks, counts, and what it waits on; the exit code says how it stands')
  .option('--json')
  .action(async (id: string, { json }: { json?: boolean }) => {
    const seen = await client.get(`/v1/operations/${encodeURIComponent(id)}`, OperationShape);
    print(seen, json, () => showOperation(seen, Date.now(), colour));
    process.exitCode = exitCodeOf(seen);
  });

function exitCodeOf({ operation, waitsOn }: OperationShape): number {
  if (operation.state === 'finished' || operation.state === 'observed') return 0;
  if (waitsOn.some(({ deadLetter }) => deadLetter)) return EXIT.deadLetter;
  return ['refused', 'residue-unknown', 'held'].includes(operation.state) ? EXIT.unproven : EXIT.running;
}

interface LetterOptions {
  json?: boolean;
  service?: string;
  operation?: string;
  cause?: string;
  id?: string;
  all?: boolean;
}
const letterFilter = (command: Command): Command =>
  command
    .option('--service <name>', 'of one service')
    .option('--operation <id>', 'of one operation')
    .option('--cause <code>', 'with this error code')
    .option('--id <id>', 'one of them')
    .option('--json');
letterFilter(program.command('dead-letters').description('what was given up and waits for a person, grouped by cause')).action(
  async ({ json, all: _all, ...filter }: LetterOptions) => {
    print(await client.get(`/v1/dead-letters${query(filter)}`, DeadLettersShape), json, (answer) => showDeadLetters(answer, Date.now()));
  },
);
letterFilter(program.command('redrive').description('send dead letters back to their service, once the cause is mended'))
  .option('--all', 'all of them')
  .action(async ({ json, ...selection }: LetterOptions) => {
    const answer = await client.post('/v1/dead-letters/redrive', { ...selection, by: me() }, z.object({ redriven: z.number() }));
    print(answer, json, ({ redriven }) => (redriven === 0 ? 'Nothing matched.' : `${redriven} sent back; see: propagator operations`));
  });

program
  .command('release <id>')
  .description('let an operation go on that a cap has stopped, or carry out one that was only observed')
  .requiredOption('--reason <text>', 'why it is right; it is kept')
  .option('--json')
  .action(async (id: string, { json, reason }: { json?: boolean; reason: string }) => {
    const answer = await client.post(
      `/v1/operations/${encodeURIComponent(id)}/release`,
      { by: me(), reason },
      z.object({ released: z.string() }),
    );
    print(answer, json, ({ released }) => `${released} goes on.`);
  });

program
  .command('quarantine')
  .description('notifications that nobody could read')
  .option('--limit <number>')
  .option('--json')
  .action(async ({ json, limit }: { json?: boolean; limit?: string }) => {
    print(await client.get(`/v1/quarantine${query({ limit })}`, QuarantineShape), json, showQuarantine);
  });

program
  .command('status')
  .description('health, queues, counters')
  .option('--json')
  .action(async ({ json }: { json?: boolean }) => print(await client.get('/v1/status', StatusShape), json, showStatus));

try {
  await program.parseAsync();
} catch (thrown) {
  if (thrown instanceof CommanderError) process.exitCode = thrown.exitCode === 0 ? 0 : EXIT.usage;
  else {
    const { message, advice } = thrown instanceof PropagatorError ? thrown.report : { message: String(thrown), advice: '' };
    process.stderr.write(`propagator: ${message}\n${advice ? `${advice}\n` : ''}`);
    process.exitCode = EXIT.error;
  }
}
