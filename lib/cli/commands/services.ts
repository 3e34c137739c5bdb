import type { Command } from 'commander';
import * as z from 'zod';
import { ServicesShape } from '../shapes.ts';
import { showServices } from '../show/services.ts';
import { print, type Terminal } from '../terminal.ts';

/**
 * What is covered, in which order, and whether this cloud has it; and a person's word on what is
 * not.
 */
export function serviceCommands(program: Command, terminal: Terminal): void {
  const { client, color, me } = terminal;
  program
    .command('services')
    .description(
      'every service that is covered, in the order of the cleanup, and what this cloud has that nobody covers',
    )
    .option('--json')
    .action(async ({ json }: { json?: boolean }) => {
      print(terminal, await client.get('/v1/services', ServicesShape), json, (answer) =>
        showServices(answer, color),
      );
    });

  program
    .command('waive <type>')
    .description(
      'say that a type of the catalog which nobody covers holds nothing of projects: operations may end without it',
    )
    .requiredOption(
      '--reason <text>',
      'how you know; it is kept with your name, and with each operation that ends by it',
    )
    .option('--json')
    .action(async (type: string, { json, reason }: { json?: boolean; reason: string }) => {
      const answer = await client.post(
        '/v1/waivers',
        { type, by: me(), reason },
        z.object({ waived: z.string() }),
      );
      print(
        terminal,
        answer,
        json,
        ({ waived }) =>
          `${waived} is waived, for every operation that has not ended yet. One that is held because of it needs a release.`,
      );
    });

  program
    .command('unwaive <type>')
    .description('take it back')
    .option('--json')
    .action(async (type: string, { json }: { json?: boolean }) => {
      const answer = await client.delete(
        `/v1/waivers/${encodeURIComponent(type)}`,
        z.object({ unwaived: z.string() }),
      );
      print(terminal, answer, json, ({ unwaived }) => `${unwaived} counts again.`);
    });
}
