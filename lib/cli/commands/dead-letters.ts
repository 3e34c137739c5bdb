import type { Command } from 'commander';
import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { ApiClient } from '../client.ts';
import {
  type OutputOptions,
  type Presentation,
  present,
  presentResult,
  withOutputOptions,
} from '../format.ts';
import { timeText } from '../output.ts';
import { reasonArgument, reasonOption } from '../reason.ts';
import { type DeadLetterShape, DeadLettersShape } from '../shapes.ts';
import { showDeadLetter, showDeadLetters } from '../show/dead-letters.ts';
import { queryString, type Terminal, UsageError } from '../terminal.ts';

/** The options that select dead letters. */
interface DeadLetterSelection {
  service?: string | undefined;
  queue?: string | undefined;
  operation?: string | undefined;
  cause?: string | undefined;
  id?: string | undefined;
}

const withSelectionOptions = (command: Command): Command =>
  command
    .option('--service <name>', 'only messages of this service')
    .option('--queue <name>', 'only messages of this queue: ingest, coordinate or service-NAME')
    .option('--operation <id>', 'only messages of this operation')
    .option('--cause <code>', 'only messages with this error code')
    .option('--id <id>', 'only the message with this id');

const COLUMNS: Presentation<unknown, DeadLetterShape>['columns'] = {
  ID: ({ id }) => id,
  Queue: ({ queue }) => queue,
  Operation: ({ operationId }) => operationId,
  Cause: ({ cause }) => cause,
  At: ({ at }) => timeText(at),
  Expires: ({ expiresAt }) => (expiresAt === undefined ? undefined : timeText(expiresAt)),
  Error: ({ error }) => error?.message,
};

/** `dead-letter list|show|redrive|discard`. */
export function deadLetterCommands(program: Command, terminal: Terminal): void {
  const group = program
    .command('dead-letter')
    .description('messages that failed in every retry; each needs a decision of a person');
  listCommand(group, terminal);
  showCommand(group, terminal);
  redriveCommand(group, terminal);
  discardCommand(group, terminal);
}

const fetchDeadLetters = (client: ApiClient, selection: DeadLetterSelection) =>
  client.get(`/v1/dead-letters${queryString({ ...selection })}`, DeadLettersShape);

function listCommand(group: Command, terminal: Terminal): void {
  const { client, now } = terminal;
  withSelectionOptions(withOutputOptions(group.command('list'), 'dead-letter list --service nova'))
    .description('list dead letters, grouped by cause')
    .action(async ({ json, format, column, ...selection }: DeadLetterSelection & OutputOptions) =>
      present(
        terminal,
        await fetchDeadLetters(client, selection),
        { json, format, column },
        {
          text: ({ deadLetters }) => showDeadLetters(deadLetters, now()),
          rows: ({ deadLetters }) => deadLetters,
          columns: COLUMNS,
        },
      ),
    );
}

function showCommand(group: Command, terminal: Terminal): void {
  const { client, now } = terminal;
  withOutputOptions(group.command('show <id>'), 'dead-letter show nova/6f1c')
    .description('show one dead letter: its error, the advice and the message')
    .action(async (id: string, options: OutputOptions) => {
      const [deadLetter] = (await fetchDeadLetters(client, { id })).deadLetters;
      if (!deadLetter) throw deadLetterNotFound(id);
      present(terminal, deadLetter, options, {
        text: (one) => showDeadLetter(one, now()),
        rows: (one) => [one],
        columns: COLUMNS,
        isSingle: true,
      });
    });
}

function redriveCommand(group: Command, terminal: Terminal): void {
  const { client } = terminal;
  withSelectionOptions(
    withOutputOptions(
      group.command('redrive'),
      'dead-letter redrive --service nova --cause nova.http.403 --reason "role granted"',
    ),
  )
    .description('send dead letters back to their queue after the cause is fixed')
    .option('--all', 'select all messages')
    .option('--reason <text>', 'the reason; stored in the audit log', reasonArgument)
    .option('--dry-run', 'show the selected messages and send none')
    .action(async ({ json, format, column, dryRun, ...body }: RedriveOptions) => {
      if (dryRun) {
        await presentSelection(body, { json, format, column }, terminal);
        return;
      }
      if (!body.all) requireSelection(body, ', --id or --all');
      const answer = await client.post(
        '/v1/dead-letters/redrive',
        body,
        z.object({ redriven: z.number() }),
      );
      presentResult(terminal, answer, { json, format, column }, ({ redriven }) =>
        redriven === 0
          ? NOTHING_MATCHED_TEXT
          : `${redriven} sent back. Follow the operations: propagator operation list`,
      );
    });
}

/** Prints the messages that `redrive` would send back. */
async function presentSelection(
  { service, queue, operation, cause, id }: DeadLetterSelection,
  options: OutputOptions,
  terminal: Terminal,
): Promise<void> {
  const selection = { service, queue, operation, cause, id };
  present(terminal, await fetchDeadLetters(terminal.client, selection), options, {
    text: ({ deadLetters }) =>
      [
        showDeadLetters(deadLetters, terminal.now()),
        `${deadLetters.length} selected; none was sent back (--dry-run).`,
      ].join('\n\n'),
    rows: ({ deadLetters }) => deadLetters,
    columns: COLUMNS,
  });
}

function discardCommand(group: Command, terminal: Terminal): void {
  const { client } = terminal;
  withSelectionOptions(
    withOutputOptions(
      group.command('discard'),
      'dead-letter discard --id nova/6f1c --reason "removed by hand"',
    ),
  )
    .description('discard dead letters: their tasks end as unreachable, and no resource is removed')
    .requiredOption(...reasonOption('in the audit log'))
    .action(
      async ({
        json,
        format,
        column,
        ...body
      }: DeadLetterSelection & OutputOptions & { reason: string }) => {
        requireSelection(body, ' or --id');
        const answer = await client.post('/v1/dead-letters/discard', body, DiscardAnswer);
        presentResult(terminal, answer, { json, format, column }, ({ discarded, unrestored }) =>
          discarded === 0
            ? NOTHING_MATCHED_TEXT
            : [
                unrestored.length < discarded
                  ? `${discarded} discarded. Their operations end as unverified. ` +
                    'Follow them: propagator operation list'
                  : `${discarded} discarded.`,
                ...unrestored,
              ].join('\n'),
        );
      },
    );
}

/**
 * `unrestored`: for each account that stays disabled or suspended, a text that names the command
 * that restores it. An older API does not send this field.
 */
const DiscardAnswer = z.object({
  discarded: z.number(),
  unrestored: z.array(z.string()).default([]),
});

type RedriveOptions = DeadLetterSelection &
  OutputOptions & { all?: boolean; reason?: string; dryRun?: boolean };

const NOTHING_MATCHED_TEXT =
  'No dead letter matched. List all of them: propagator dead-letter list';

/**
 * Refuses a command without a selection of messages, because it would affect all messages.
 * `otherOptionsText`: the end of the list of options in the error.
 */
function requireSelection(
  { service, queue, operation, cause, id }: DeadLetterSelection,
  otherOptionsText: string,
): void {
  if ([service, queue, operation, cause, id].every((one) => one === undefined))
    throw new UsageError(
      `select messages with --service, --queue, --operation, --cause${otherOptionsText}`,
    );
}

const deadLetterNotFound = (id: string): PropagatorError =>
  new PropagatorError({
    code: 'cli.dead-letter',
    class: 'Gone',
    message: `there is no dead letter ${id}`,
    advice:
      'The message may have been redriven or discarded. List the decisions: propagator audit list',
  });
