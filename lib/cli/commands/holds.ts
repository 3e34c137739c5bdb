import type { Command } from 'commander';
import * as z from 'zod';
import { duration } from '../../shared/setting-values.ts';
import { type OutputOptions, present, presentResult, withOutputOptions } from '../format.ts';
import { table, timeText } from '../output.ts';
import { reasonArgument } from '../reason.ts';
import { type Terminal, UsageError } from '../terminal.ts';

interface TargetOptions extends OutputOptions {
  project?: string;
  domain?: string;
  resource?: string;
}
interface AddOptions extends TargetOptions {
  reason: string;
  ticket?: string;
  until?: string;
}

const HoldShape = z.looseObject({
  target: z.string(),
  id: z.string(),
  project: z.string().optional(),
  by: z.string(),
  reason: z.string(),
  ticket: z.string().optional(),
  at: z.number(),
  until: z.number().optional(),
});
const SuspensionShape = z.looseObject({
  project: z.string(),
  by: z.string(),
  reason: z.string(),
  at: z.number(),
  enabledAt: z.string().optional(),
  advice: z.string().optional(),
});
const HoldsShape = z.object({
  holds: z.array(HoldShape),
  /** Empty if an older API does not send this field. */
  suspensions: z.array(SuspensionShape).default([]),
});

/** `hold add`, `hold list` and `hold remove`. */
export function holdCommands(program: Command, terminal: Terminal): void {
  const hold = program
    .command('hold')
    .description('holds: decisions that a project, a domain or a resource must not be deleted');
  addCommand(hold, terminal);
  listCommand(hold, terminal);
  removeCommand(hold, terminal);
}

function addCommand(hold: Command, terminal: Terminal): void {
  const { client, now } = terminal;
  withTargetOptions(
    withOutputOptions(hold.command('add'), 'hold add --project 4f0c1a2b3c4d --reason "lawsuit"'),
  )
    .description('protect a project, a domain or a resource from deletion')
    .requiredOption(
      '--reason <text>',
      'the reason; shown by operations that wait for the hold',
      reasonArgument,
    )
    .option('--ticket <number>', 'the number of the ticket that explains the hold')
    .option('--until <time>', 'the end: a time (2027-01-31T00:00:00Z) or a duration from now (30d)')
    .action(
      async ({ project, domain, resource, reason, ticket, until, ...options }: AddOptions) => {
        // With a resource, `project` is no second target: it names the project of the resource.
        singleTarget(resource === undefined ? { project, domain } : { domain, resource });
        const body = { project, domain, resource, reason, ticket, until: endTime(until, now()) };
        const answer = await client.post('/v1/holds', body, HoldShape);
        presentResult(
          terminal,
          answer,
          options,
          ({ target, id, until: end }) =>
            `${target} ${id} is not deleted` +
            `${end === undefined ? '' : ` until ${timeText(end)}`}. ` +
            'A removal that was already sent cannot be undone.',
        );
      },
    );
}

function listCommand(hold: Command, terminal: Terminal): void {
  const { client } = terminal;
  withOutputOptions(hold.command('list'), 'hold list')
    .description('list the holds in force, and the projects that operators keep suspended')
    .action(async (options: OutputOptions) => {
      const answer = await client.get('/v1/holds', HoldsShape);
      present(terminal, answer, options, {
        text: showHolds,
        rows: ({ holds }) => holds,
        columns: {
          Target: ({ target }) => target,
          ID: ({ id }) => id,
          Project: ({ project }) => project,
          By: ({ by }) => by,
          Since: ({ at }) => timeText(at),
          Until: ({ until }) => (until === undefined ? undefined : timeText(until)),
          Ticket: ({ ticket }) => ticket,
          Reason: ({ reason }) => reason,
        },
      });
    });
}

function removeCommand(hold: Command, terminal: Terminal): void {
  const { client } = terminal;
  withTargetOptions(
    withOutputOptions(hold.command('remove'), 'hold remove --resource nova.server/9b1c'),
  )
    .description('end a hold; operations that wait for the hold continue within a minute')
    .action(async ({ project, domain, resource, ...options }: TargetOptions) => {
      const [target, id] = singleTarget({ project, domain, resource });
      const path = `/v1/holds/${target}/${encodeURIComponent(id)}`;
      const answer = await client.delete(path, z.object({ removed: z.string() }));
      presentResult(
        terminal,
        answer,
        options,
        () =>
          `The hold of ${target} ${id} has ended. ` +
          'Operations that waited for it continue within a minute.',
      );
    });
}

function showHolds({ holds, suspensions }: z.infer<typeof HoldsShape>): string {
  const holdsText =
    holds.length === 0
      ? 'No holds.'
      : table(
          ['TARGET', 'ID', 'PROJECT', 'BY', 'SINCE', 'UNTIL', 'TICKET', 'REASON'],
          holds.map(({ target, id, project = '', by, at, until, ticket = '', reason }) => [
            target,
            id,
            project,
            by,
            timeText(at),
            timeText(until),
            ticket,
            reason,
          ]),
        );
  if (suspensions.length === 0) return holdsText;
  const suspensionsText = table(
    ['SUSPENDED PROJECT', 'BY', 'SINCE', 'ENABLED IN KEYSTONE', 'REASON'],
    suspensions.map(({ project, by, at, enabledAt, reason }) => [
      project,
      by,
      timeText(at),
      enabledAt === undefined ? 'no' : timeText(Date.parse(enabledAt)),
      reason,
    ]),
  );
  const advice = suspensions.flatMap((one) =>
    one.advice === undefined ? [] : [`${one.project} was enabled in Keystone. ${one.advice}`],
  );
  return [holdsText, suspensionsText, ...advice].join('\n\n');
}

const withTargetOptions = (command: Command): Command =>
  command
    .option('--project <id>', 'a project')
    .option('--domain <id>', 'a domain, with its projects and users')
    .option('--resource <type/id>', 'one resource: nova.server/ID');

function singleTarget(
  targetOptions: Readonly<Record<string, string | undefined>>,
): [string, string] {
  const givenTargets = Object.entries(targetOptions).flatMap(([name, id]): [string, string][] =>
    id === undefined ? [] : [[name, id]],
  );
  const [first, ...others] = givenTargets;
  if (!first || others.length > 0)
    throw new UsageError('give exactly one of --project, --domain and --resource');
  return first;
}

/** Returns the end of a hold for the API, in ISO 8601. `text`: a time, or a duration from now. */
function endTime(text: string | undefined, now: number): string | undefined {
  if (text === undefined) return undefined;
  const parsedDuration = duration.safeParse(text);
  // `Date.parse` takes a bare number as a month or a year.
  const dateMillis = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  const millis = parsedDuration.success ? now + parsedDuration.data : dateMillis;
  if (Number.isNaN(millis))
    throw new UsageError(
      `--until ${text}: write a time such as 2027-01-31T00:00:00Z, or a duration with its unit, ` +
        'such as 30d; nothing was changed',
    );
  return new Date(millis).toISOString();
}
