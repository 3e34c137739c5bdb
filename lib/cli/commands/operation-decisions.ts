import type { Command } from 'commander';
import * as z from 'zod';
import { type OutputOptions, presentResult, withOutputOptions } from '../format.ts';
import { reasonOption } from '../reason.ts';
import type { Terminal } from '../terminal.ts';

/** `operation release`, `operation rerun` and `operation cancel`. */
export function decisionCommands(operation: Command, terminal: Terminal): void {
  releaseCommand(operation, terminal);
  rerunCommand(operation, terminal);
  cancelCommand(operation, terminal);
}

function releaseCommand(operation: Command, terminal: Terminal): void {
  const { client } = terminal;
  withOutputOptions(
    operation.command('release <id>'),
    'operation release op-4f0c1a2b3c4d --reason "the customer confirmed it"',
  )
    .description('continue a held operation, or carry out an observed operation')
    .requiredOption(...reasonOption('with the operation'))
    .action(async (id: string, { reason, ...options }: OutputOptions & { reason: string }) => {
      const path = `/v1/operations/${encodeURIComponent(id)}/release`;
      const answer = await client.post(path, { reason }, z.object({ released: z.string() }));
      presentResult(
        terminal,
        answer,
        options,
        ({ released }) =>
          `${released} is released. Follow it: propagator operation show ${released}`,
      );
    });
}

function rerunCommand(operation: Command, terminal: Terminal): void {
  const { client } = terminal;
  withOutputOptions(
    operation.command('rerun <id>'),
    'operation rerun op-4f0c1a2b3c4d --reason "Trove is covered now"',
  )
    .description('run an ended operation again, for resources that are left or were created later')
    .requiredOption(...reasonOption('with the operation'))
    .option('--name <name>', 'the name of the project, if Keystone still shows it as enabled')
    .action(
      async (
        id: string,
        { reason, name, ...options }: OutputOptions & { reason: string; name?: string },
      ) => {
        const answer = await client.post(
          `/v1/operations/${encodeURIComponent(id)}/rerun`,
          { reason, name },
          z.object({ opened: z.string() }),
        );
        presentResult(
          terminal,
          answer,
          options,
          ({ opened }) =>
            `${opened} was opened to run ${id} again. Follow it: propagator operation show ` +
            `${opened}`,
        );
      },
    );
}

/**
 * `putBack`: nothing was removed, Keystone has not answered 404, and the propagator restores the
 * former state of the account. An older API does not send this field.
 */
const CancelAnswer = z.object({ canceled: z.string(), putBack: z.boolean().optional() });

function cancelCommand(operation: Command, terminal: Terminal): void {
  const { client } = terminal;
  withOutputOptions(
    operation.command('cancel <id>'),
    'operation cancel op-4f0c1a2b3c4d --reason "the contract continues"',
  )
    .description('end an operation that was requested; removed resources do not come back')
    .requiredOption(...reasonOption('with the operation'))
    .action(async (id: string, { reason, ...options }: OutputOptions & { reason: string }) => {
      const path = `/v1/operations/${encodeURIComponent(id)}/cancel`;
      const answer = await client.post(path, { reason }, CancelAnswer);
      presentResult(
        terminal,
        answer,
        options,
        ({ canceled, putBack }) =>
          `The cancellation of ${canceled} is accepted. ` +
          (putBack
            ? 'Nothing was removed. If Keystone still has the account, its former state is ' +
              'restored. To see the result: '
            : 'No further removal begins. To see what was removed: ') +
          `propagator operation show ${canceled}`,
      );
    });
}
