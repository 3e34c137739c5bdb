import type { Command } from 'commander';
import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import { DeadLettersShape, DecisionsShape } from '../shapes.ts';
import { showDeadLetter, showDeadLetters, showDecisions } from '../show/dead-letters.ts';
import { print, query, type Terminal, UsageError } from '../terminal.ts';

interface Selection {
  service?: string;
  queue?: string;
  operation?: string;
  cause?: string;
  id?: string;
}
interface Printed {
  json?: boolean;
}
const choosing = (command: Command): Command =>
  command
    .option('--service <name>', 'of one service')
    .option('--queue <name>', 'of another queue: ingest, coordinate')
    .option('--operation <id>', 'of one operation')
    .option('--cause <code>', 'with this error code')
    .option('--id <id>', 'one of them')
    .option('--json');

/** What was given up and waits for a person: looked at, sent back, thrown away. */
export function deadLetterCommands(program: Command, terminal: Terminal): void {
  const { client, me, now } = terminal;
  const list = (selection: Selection) =>
    client.get(`/v1/dead-letters${query({ ...selection })}`, DeadLettersShape);

  const letters = choosing(
    program
      .command('dead-letters')
      .description('what was given up and waits for a person, grouped by cause'),
  );
  letters.action(async ({ json, ...selection }: Selection & Printed) =>
    print(terminal, await list(selection), json, ({ deadLetters }) =>
      showDeadLetters(deadLetters, now()),
    ),
  );
  letters
    .command('show <id>')
    .description('one of them, with all that is known: the error, what to do, the message')
    .action(async (id: string) => {
      const [letter] = (await list({ id })).deadLetters;
      if (!letter) throw notFound(id);
      print(terminal, letter, letters.opts<Printed>().json, (found) =>
        showDeadLetter(found, now()),
      );
    });

  choosing(
    program
      .command('redrive')
      .description('send dead letters back to their service, once the cause is mended'),
  )
    .option('--all', 'all of them')
    .option('--reason <text>', 'kept with the operation')
    .option('--dry-run', 'show which they are, and send none')
    .action(
      async ({
        json,
        dryRun,
        ...wish
      }: Selection & Printed & { all?: boolean; reason?: string; dryRun?: boolean }) => {
        if (dryRun) {
          const { all: _, reason: __, ...selection } = wish;
          print(terminal, await list(selection), json, ({ deadLetters }) =>
            [
              showDeadLetters(deadLetters, now()),
              `${deadLetters.length} would be sent back; none was.`,
            ].join('\n\n'),
          );
          return;
        }
        if (!wish.all) mustChoose(wish, ', or --all');
        const answer = await client.post(
          '/v1/dead-letters/redrive',
          { ...wish, by: me() },
          z.object({ redriven: z.number() }),
        );
        print(terminal, answer, json, ({ redriven }) =>
          redriven === 0 ? NOTHING : `${redriven} sent back; see: propagator operations`,
        );
      },
    );

  choosing(
    program
      .command('discard')
      .description(
        'throw dead letters away: their tasks end as unreachable, nothing is cleaned up',
      ),
  )
    .requiredOption('--reason <text>', 'kept with the operation')
    .action(async ({ json, ...wish }: Selection & Printed & { reason: string }) => {
      mustChoose(wish, '');
      const answer = await client.post(
        '/v1/dead-letters/discard',
        { ...wish, by: me() },
        z.object({ discarded: z.number() }),
      );
      print(terminal, answer, json, ({ discarded }) =>
        discarded === 0
          ? NOTHING
          : `${discarded} thrown away. Their operations end without proof (unverified); see: propagator operations`,
      );
    });

  program
    .command('decisions')
    .description('who sent dead letters back or threw them away, when and why')
    .option('--operation <id>', 'about one operation')
    .option('--limit <number>')
    .option('--json')
    .action(async ({ json, ...wish }: Printed & { operation?: string; limit?: string }) =>
      print(
        terminal,
        await client.get(`/v1/decisions${query(wish)}`, DecisionsShape),
        json,
        ({ decisions }) => showDecisions(decisions, Number(wish.limit ?? 100)),
      ),
    );
}

const NOTHING = 'Nothing matched. What there is: propagator dead-letters';

/** Throws wrong usage: what is done with all of them by a slip of the hand is done. */
function mustChoose({ service, queue, operation, cause, id }: Selection, orElse: string): void {
  if ([service, queue, operation, cause, id].every((one) => one === undefined))
    throw new UsageError(`say which: --service, --queue, --operation, --cause or --id${orElse}`);
}

const notFound = (id: string): PropagatorError =>
  new PropagatorError({
    code: 'cli.dead-letter',
    class: 'Gone',
    message: `there is no dead letter ${id}`,
    advice: 'It may have been redriven or discarded: propagator decisions',
  });
