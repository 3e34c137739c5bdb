import type { Command } from 'commander';
import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import { oneOf, type Presentation, type Printed, present, printable } from '../format.ts';
import { time } from '../output.ts';
import { type DeadLetterShape, DeadLettersShape, DecisionsShape } from '../shapes.ts';
import { showDeadLetter, showDeadLetters, showDecisions } from '../show/dead-letters.ts';
import { query, type Terminal, UsageError } from '../terminal.ts';

interface Selection {
  service?: string;
  queue?: string;
  operation?: string;
  cause?: string;
  id?: string;
}

const choosing = (command: Command): Command =>
  command
    .option('--service <name>', 'of one service')
    .option('--queue <name>', 'of another queue: ingest, coordinate')
    .option('--operation <id>', 'of one operation')
    .option('--cause <code>', 'with this error code')
    .option('--id <id>', 'one of them');

const COLUMNS: Presentation<unknown, DeadLetterShape>['columns'] = {
  ID: ({ id }) => id,
  Queue: ({ queue }) => queue,
  Operation: ({ operationId }) => operationId,
  Cause: ({ cause }) => cause,
  At: ({ at }) => time(at),
  Expires: ({ expiresAt }) => (expiresAt === undefined ? undefined : time(expiresAt)),
  Error: ({ error }) => error?.message,
};

/** `dead-letter list|show|redrive|discard` and `audit list`. */
export function deadLetterCommands(program: Command, terminal: Terminal): void {
  const { client, now } = terminal;
  const fetchList = (selection: Selection) =>
    client.get(`/v1/dead-letters${query({ ...selection })}`, DeadLettersShape);
  const letter = program
    .command('dead-letter')
    .description('messages that were given up and wait for a person');

  choosing(printable(letter.command('list'), 'dead-letter list --service nova'))
    .description('list dead letters, grouped by cause')
    .action(async ({ json, format, column, ...selection }: Selection & Printed) =>
      present(
        terminal,
        await fetchList(selection),
        { json, format, column },
        {
          text: ({ deadLetters }) => showDeadLetters(deadLetters, now()),
          rows: ({ deadLetters }) => deadLetters,
          columns: COLUMNS,
        },
      ),
    );

  printable(letter.command('show <id>'), 'dead-letter show nova/6f1c')
    .description('show one dead letter: the error, what to do, the message')
    .action(async (id: string, options: Printed) => {
      const [found] = (await fetchList({ id })).deadLetters;
      if (!found) throw notFound(id);
      present(terminal, found, options, {
        text: (shown) => showDeadLetter(shown, now()),
        rows: (shown) => [shown],
        columns: COLUMNS,
        isOne: true,
      });
    });

  choosing(
    printable(
      letter.command('redrive'),
      'dead-letter redrive --service nova --cause nova.http.403 --reason "role granted"',
    ),
  )
    .description('send dead letters back to their service, once the cause is mended')
    .option('--all', 'all of them')
    .option('--reason <text>', 'kept with the operation')
    .option('--dry-run', 'show which they are, and send none')
    .action(async ({ json, format, column, dryRun, ...wish }: Redrive) => {
      if (dryRun) {
        const { all: _, reason: __, ...selection } = wish;
        present(
          terminal,
          await fetchList(selection),
          { json, format, column },
          {
            text: ({ deadLetters }) =>
              [
                showDeadLetters(deadLetters, now()),
                `${deadLetters.length} would be sent back; none was.`,
              ].join('\n\n'),
            rows: ({ deadLetters }) => deadLetters,
            columns: COLUMNS,
          },
        );
        return;
      }
      if (!wish.all) mustChoose(wish, ', or --all');
      const answer = await client.post(
        '/v1/dead-letters/redrive',
        wish,
        z.object({ redriven: z.number() }),
      );
      present(
        terminal,
        answer,
        { json, format, column },
        oneOf<typeof answer>(({ redriven }) =>
          redriven === 0 ? NOTHING : `${redriven} sent back; see: propagator operation list`,
        ),
      );
    });

  choosing(
    printable(
      letter.command('discard'),
      'dead-letter discard --id nova/6f1c --reason "removed by hand"',
    ),
  )
    .description('give dead letters up: their tasks end as unreachable, nothing is removed')
    .requiredOption('--reason <text>', 'kept with the operation')
    .action(async ({ json, format, column, ...wish }: Selection & Printed & { reason: string }) => {
      mustChoose(wish, '');
      const answer = await client.post(
        '/v1/dead-letters/discard',
        wish,
        z.object({ discarded: z.number() }),
      );
      present(
        terminal,
        answer,
        { json, format, column },
        oneOf<typeof answer>(({ discarded }) =>
          discarded === 0
            ? NOTHING
            : `${discarded} thrown away. Their operations end without proof (unverified); ` +
              'see: propagator operation list',
        ),
      );
    });

  const audit = program.command('audit').description('who decided what, when and why');
  printable(audit.command('list'), 'audit list --operation op-4f0c1a2b3c4d')
    .description('list decisions on dead letters: who, when and why')
    .option('--operation <id>', 'about one operation')
    .option('--limit <number>', 'at most so many (default: 100)')
    .action(async ({ json, format, column, ...wish }: Audit) => {
      const answer = await client.get(`/v1/decisions${query(wish)}`, DecisionsShape);
      present(
        terminal,
        answer,
        { json, format, column },
        {
          text: ({ decisions }) => showDecisions(decisions, Number(wish.limit ?? 100)),
          rows: ({ decisions }) => decisions,
          columns: {
            At: ({ at }) => time(at),
            By: ({ by }) => by,
            What: ({ what }) => what,
            Operation: ({ operationId }) => operationId,
            Queue: ({ queue }) => queue,
            Cause: ({ cause }) => cause,
            Letters: ({ letters }) => letters,
            Reason: ({ reason }) => reason,
          },
        },
      );
    });
}

type Redrive = Selection & Printed & { all?: boolean; reason?: string; dryRun?: boolean };
type Audit = Printed & { operation?: string; limit?: string };

const NOTHING = 'Nothing matched. What there is: propagator dead-letter list';

/**
 * Throws a usage error without a selection, so that a mistyped command cannot affect all messages.
 */
function mustChoose({ service, queue, operation, cause, id }: Selection, orElse: string): void {
  if ([service, queue, operation, cause, id].every((one) => one === undefined))
    throw new UsageError(`say which: --service, --queue, --operation, --cause or --id${orElse}`);
}

const notFound = (id: string): PropagatorError =>
  new PropagatorError({
    code: 'cli.dead-letter',
    class: 'Gone',
    message: `there is no dead letter ${id}`,
    advice: 'It may have been redriven or discarded: propagator audit list',
  });
