import type { Command } from 'commander';
import * as z from 'zod';
import { type OutputOptions, present, presentResult, withOutputOptions } from '../format.ts';
import { table, timeText } from '../output.ts';
import { reasonOption } from '../reason.ts';
import { ServicesShape, WaiversShape } from '../shapes.ts';
import { dependencyName, showServices } from '../show/services.ts';
import type { Terminal } from '../terminal.ts';

/** `service list` and `waiver list|add|remove`. */
export function serviceCommands(program: Command, terminal: Terminal): void {
  serviceListCommand(program, terminal);
  waiverCommands(program, terminal);
}

function serviceListCommand(program: Command, terminal: Terminal): void {
  const { client, color } = terminal;
  const service = program
    .command('service')
    .description('the OpenStack services that operations clean up');
  withOutputOptions(service.command('list'), 'service list -c Service -c Regions')
    .description('list the covered services in the order of cleanup, then the uncovered services')
    .action(async (options: OutputOptions) => {
      const answer = await client.get('/v1/services', ServicesShape);
      present(terminal, answer, options, {
        text: (list) => showServices(list, color),
        rows: ({ services }) => services,
        columns: {
          Service: ({ name }) => name,
          'Catalog Types': ({ catalogTypes }) => catalogTypes.join(','),
          Class: ({ classes }) => classes.join(','),
          Resources: ({ resourceTypes }) => resourceTypes.join(','),
          'Depends On': ({ dependsOn }) => dependsOn.map(dependencyName).join(','),
          Regions: ({ regions }) => regions.join(','),
          Enabled: ({ on }) => on,
        },
      });
    });
}

function waiverCommands(program: Command, terminal: Terminal): void {
  const waiver = program
    .command('waiver')
    .description('waivers: decisions that an uncovered service type has no resources of projects');
  waiverListCommand(waiver, terminal);
  waiverAddCommand(waiver, terminal);
  waiverRemoveCommand(waiver, terminal);
}

function waiverListCommand(waiver: Command, terminal: Terminal): void {
  const { client } = terminal;
  withOutputOptions(waiver.command('list'), 'waiver list')
    .description('list the waivers in force')
    .action(async (options: OutputOptions) => {
      const answer = await client.get('/v1/waivers', WaiversShape);
      present(terminal, answer, options, {
        text: ({ waivers }) =>
          waivers.length === 0
            ? 'No waivers.'
            : table(
                ['TYPE', 'BY', 'AT', 'REASON'],
                waivers.map(({ type, by, at, reason }) => [type, by, timeText(at), reason]),
              ),
        rows: ({ waivers }) => waivers,
        columns: {
          Type: ({ type }) => type,
          By: ({ by }) => by,
          At: ({ at }) => timeText(at),
          Reason: ({ reason }) => reason,
        },
      });
    });
}

function waiverAddCommand(waiver: Command, terminal: Terminal): void {
  const { client } = terminal;
  withOutputOptions(
    waiver.command('add <type>'),
    'waiver add rating --reason "it only reads meters, and stores nothing of projects"',
  )
    .description(
      'decide that an uncovered service type has no resources of projects, so that ' +
        'operations can finish',
    )
    .requiredOption(...reasonOption('with your name'))
    .action(async (type: string, { reason, ...options }: OutputOptions & { reason: string }) => {
      const body = { type, reason };
      const answer = await client.post('/v1/waivers', body, z.object({ waived: z.string() }));
      presentResult(
        terminal,
        answer,
        options,
        ({ waived }) =>
          `${waived} is waived for every operation that has not ended yet. ` +
          'If an operation is held because of it, release that operation.',
      );
    });
}

function waiverRemoveCommand(waiver: Command, terminal: Terminal): void {
  const { client } = terminal;
  withOutputOptions(waiver.command('remove <type>'), 'waiver remove rating')
    .description('remove a waiver')
    .action(async (type: string, options: OutputOptions) => {
      const answer = await client.delete(
        `/v1/waivers/${encodeURIComponent(type)}`,
        z.object({ removedWaiver: z.string() }),
      );
      presentResult(
        terminal,
        answer,
        options,
        ({ removedWaiver }) =>
          `The waiver for ${removedWaiver} is removed. Operations report it as uncovered again.`,
      );
    });
}
