import type { Command } from 'commander';
import { QuarantineShape, StatusShape } from '../shapes.ts';
import { showQuarantine, showStatus } from '../show/queues.ts';
import { print, query, type Terminal } from '../terminal.ts';

/** What could not be read, and how the engine is. */
export function queueCommands(program: Command, terminal: Terminal): void {
  const { client } = terminal;
  program
    .command('quarantine')
    .description('notifications that nobody could read')
    .option('--limit <number>')
    .option('--json')
    .action(async ({ json, limit }: { json?: boolean; limit?: string }) => {
      print(
        terminal,
        await client.get(`/v1/quarantine${query({ limit })}`, QuarantineShape),
        json,
        showQuarantine,
      );
    });

  program
    .command('status')
    .description('health, queues, counters')
    .option('--json')
    .action(async ({ json }: { json?: boolean }) => {
      print(terminal, await client.get('/v1/status', StatusShape), json, showStatus);
    });
}
