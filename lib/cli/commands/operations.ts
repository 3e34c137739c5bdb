import { type Command, InvalidArgumentError } from 'commander';
import * as z from 'zod';
import { ENDED, OPERATION_STATES } from '../../operation/model.ts';
import { OperationShape, OperationsShape, WaiversShape } from '../shapes.ts';
import { showOperation } from '../show/operation.ts';
import { showOperations } from '../show/operations.ts';
import { EXIT, print, query, type Terminal } from '../terminal.ts';

interface ListOptions {
  json?: boolean;
  state?: string;
  project?: string;
  domain?: string;
  user?: string;
  limit?: string;
}
interface CleanupOptions {
  json?: boolean;
  name?: string;
  reason?: string;
}

const Opened = z.object({ opened: z.string(), unknown: z.array(z.string()).default([]) });

/** Operations: looked at, asked for, released. */
export function operationCommands(program: Command, terminal: Terminal): void {
  const { client, color, me, now } = terminal;
  program
    .command('operations')
    .description('operations, newest first')
    .option('--state <state>', OPERATION_STATES.join(', '), (value) => {
      if (!OPERATION_STATES.some((state) => state === value))
        throw new InvalidArgumentError(`one of ${OPERATION_STATES.join(', ')}`);
      return value;
    })
    .option('--project <id>')
    .option('--domain <id>', 'the domain, and the projects of it')
    .option('--user <id>')
    .option('--limit <number>')
    .option('--json')
    .action(async ({ json, ...filter }: ListOptions) => {
      const answer = await client.get(`/v1/operations${query({ ...filter })}`, OperationsShape);
      print(terminal, answer, json, (shown) => showOperations(shown, now(), color));
    });

  program
    .command('operation <id>')
    .description(
      'one operation: its tasks, counts, and what it waits on; the exit code says how it stands',
    )
    .option('--json')
    .action(async (id: string, { json }: { json?: boolean }) => {
      const seen = await client.get(`/v1/operations/${encodeURIComponent(id)}`, OperationShape);
      // What counts at its end is written into it then; until then, what is waived today.
      const isPast = json === true || hasEnded(seen);
      const waivers = isPast
        ? seen.operation.waived
        : (await client.get('/v1/waivers', WaiversShape)).waivers;
      print(terminal, seen, json, () => showOperation(seen, waivers, now(), color));
      terminal.exitCode = exitCodeOf(seen);
    });

  program
    .command('cleanup <project>')
    .description(
      'empty a project that Keystone still has, in every service, then delete it in Keystone; for a project that was given up',
    )
    .option(
      '--name <name>',
      'the name of the project: wanted to confirm it while the project is enabled',
    )
    .option('--reason <text>', 'why; it is kept')
    .option('--json')
    .action(async (project: string, { json, ...wish }: CleanupOptions) => {
      const body = { action: 'cleanup', project, ...wish, by: me() };
      const answer = await client.post('/v1/operations', body, Opened);
      print(terminal, answer, json, ({ opened, unknown }) =>
        [
          ...unknown.map((what) => `Not known beforehand: ${what}.`),
          `${opened} begins. Follow it: propagator operation ${opened}`,
        ].join('\n'),
      );
    });

  program
    .command('release <id>')
    .description(
      'let an operation go on that a cap or a failure has stopped, or carry out one that was only observed',
    )
    .requiredOption('--reason <text>', 'why it is right; it is kept')
    .option('--json')
    .action(async (id: string, { json, reason }: { json?: boolean; reason: string }) => {
      const path = `/v1/operations/${encodeURIComponent(id)}/release`;
      const answer = await client.post(
        path,
        { by: me(), reason },
        z.object({ released: z.string() }),
      );
      print(terminal, answer, json, ({ released }) => `${released} goes on.`);
    });
}

const hasEnded = ({ operation }: OperationShape): boolean =>
  ENDED.some((state) => state === operation.state);

function exitCodeOf({ operation, waitsOn }: OperationShape): number {
  if (operation.state === 'finished' || operation.state === 'observed') return EXIT.done;
  if (waitsOn.some(({ deadLetter }) => deadLetter)) return EXIT.deadLetter;
  return ['refused', 'unverified', 'held'].includes(operation.state) ? EXIT.unproven : EXIT.running;
}
