import type { Command } from 'commander';
import { type OutputOptions, present, presentResult, withOutputOptions } from '../format.ts';
import { table, timeText } from '../output.ts';
import { reasonOption } from '../reason.ts';
import { StopShape, StopsShape } from '../shapes.ts';
import { queryString, type Terminal } from '../terminal.ts';

const RESULT_TEXT = {
  'stop-all':
    'All destructive work is stopped. A running task removes nothing more after 2 seconds.\n' +
    'A call that was already sent cannot be undone. Operations wait and keep their progress.\n' +
    'See: propagator status. Undo: propagator resume-all --reason "…"',
  'resume-all': 'Destructive work continues. Each waiting task starts within a minute.',
} as const;

/**
 * `stop-all`, `resume-all` and `audit stops`: the stop switch. The command group `audit` must exist
 * already.
 */
export function stopCommands(program: Command, terminal: Terminal): void {
  const { client } = terminal;
  const addSwitchCommand = (name: keyof typeof RESULT_TEXT, example: string, description: string) =>
    withOutputOptions(program.command(name), example)
      .description(description)
      .requiredOption(...reasonOption('with your name'))
      .action(async ({ reason, ...options }: OutputOptions & { reason: string }) => {
        const answer = await client.post(`/v1/${name}`, { reason }, StopShape);
        presentResult(terminal, answer, options, () => RESULT_TEXT[name]);
      });
  addSwitchCommand(
    'stop-all',
    'stop-all --reason "projects are deleted by mistake"',
    'stop all destructive work immediately, on every engine',
  );
  addSwitchCommand('resume-all', 'resume-all --reason "the script is corrected"', 'end stop-all');
  const audit = program.commands.find((command) => command.name() === 'audit') ?? program;
  withOutputOptions(audit.command('stops'), 'audit stops')
    .description('list the decisions to stop or resume all destructive work, newest first')
    .option('--limit <number>', 'the maximum number of entries (default: 100)')
    .action(async ({ limit, ...options }: OutputOptions & { limit?: string }) => {
      const answer = await client.get(`/v1/stops${queryString({ limit })}`, StopsShape);
      present(terminal, answer, options, {
        text: ({ stops }) =>
          stops.length === 0
            ? 'Never stopped.'
            : table(
                ['AT', 'WHAT', 'BY', 'REASON'],
                stops.map(({ at, what, by, reason = '' }) => [timeText(at), what, by, reason]),
              ),
        rows: ({ stops }) => stops,
        columns: {
          At: ({ at }) => timeText(at),
          What: ({ what }) => what,
          By: ({ by }) => by,
          Reason: ({ reason }) => reason,
        },
      });
    });
}
