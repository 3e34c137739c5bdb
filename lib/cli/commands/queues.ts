import type { Command } from 'commander';
import { type OutputOptions, present, presentResult, withOutputOptions } from '../format.ts';
import { timeText } from '../output.ts';
import { QuarantineShape, StatusShape } from '../shapes.ts';
import { showQuarantine, showStatus } from '../show/queues.ts';
import { queryString, type Terminal } from '../terminal.ts';

/** `quarantine list` and `status`. */
export function queueCommands(program: Command, terminal: Terminal): void {
  const { client } = terminal;
  const quarantine = program
    .command('quarantine')
    .description('notifications that could not be read');
  withOutputOptions(quarantine.command('list'), 'quarantine list -c Received -c Reason')
    .description('list notifications that could not be read, newest first')
    .option('--limit <number>', 'the maximum number of entries (default: 100)')
    .action(async ({ limit, ...options }: OutputOptions & { limit?: string }) => {
      const answer = await client.get(`/v1/quarantine${queryString({ limit })}`, QuarantineShape);
      present(terminal, answer, options, {
        text: showQuarantine,
        rows: ({ records }) => records,
        columns: {
          ID: ({ id }) => id,
          Received: ({ receivedAt }) => timeText(receivedAt),
          Source: ({ source }) => source,
          Bytes: ({ bytes }) => bytes,
          Reason: ({ reason }) => reason,
        },
      });
    });

  withOutputOptions(program.command('status'), 'status -f value -c ok')
    .description('show health, queues and counters')
    .action(async (options: OutputOptions) => {
      const answer = await client.get('/v1/status', StatusShape);
      presentResult(terminal, answer, options, showStatus);
    });
}
