import type { Command } from 'commander';
import * as z from 'zod';
import { DeadLettersShape, QuarantineShape, StatusShape } from '../shapes.ts';
import { showDeadLetters, showQuarantine, showStatus } from '../show/queues.ts';
import { print, query, type Terminal } from '../terminal.ts';

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

/** What was given up or could not be read, and how the engine is. */
export function queueCommands(program: Command, terminal: Terminal): void {
  const { client, me, now } = terminal;
  letterFilter(program.command('dead-letters').description('what was given up and waits for a person, grouped by cause')).action(
    async ({ json, all: _all, ...filter }: LetterOptions) => {
      const answer = await client.get(`/v1/dead-letters${query({ ...filter })}`, DeadLettersShape);
      print(terminal, answer, json, (letters) => showDeadLetters(letters, now()));
    },
  );
  letterFilter(program.command('redrive').description('send dead letters back to their service, once the cause is mended'))
    .option('--all', 'all of them')
    .action(async ({ json, ...selection }: LetterOptions) => {
      const answer = await client.post('/v1/dead-letters/redrive', { ...selection, by: me() }, z.object({ redriven: z.number() }));
      print(terminal, answer, json, ({ redriven }) =>
        redriven === 0 ? 'Nothing matched.' : `${redriven} sent back; see: propagator operations`,
      );
    });

  program
    .command('quarantine')
    .description('notifications that nobody could read')
    .option('--limit <number>')
    .option('--json')
    .action(async ({ json, limit }: { json?: boolean; limit?: string }) => {
      print(terminal, await client.get(`/v1/quarantine${query({ limit })}`, QuarantineShape), json, showQuarantine);
    });

  program
    .command('status')
    .description('health, queues, counters')
    .option('--json')
    .action(async ({ json }: { json?: boolean }) => {
      print(terminal, await client.get('/v1/status', StatusShape), json, showStatus);
    });
}
