import { type Command, InvalidArgumentError } from 'commander';
import { OPERATION_STATES } from '../../operation/model.ts';
import { exitCodeOf, OPERATION_EXIT_CODES_TEXT } from '../exit-code.ts';
import { type OutputOptions, type Presentation, present, withOutputOptions } from '../format.ts';
import { timeText } from '../output.ts';
import { OperationShape, OperationsShape, PlanShape } from '../shapes.ts';
import { showOperation } from '../show/operation.ts';
import { firstReason, showOperations } from '../show/operations.ts';
import { queryString, type Terminal, UsageError } from '../terminal.ts';
import { deleteCommands } from './delete.ts';
import { suspendResumeCommands } from './lifecycle.ts';
import { decisionCommands } from './operation-decisions.ts';
import { waiversOf } from './operation-waivers.ts';
import { planCommands, planPresentation } from './plans.ts';
import { provisionCommands } from './provision.ts';

interface ListOptions extends OutputOptions {
  state?: string;
  project?: string;
  domain?: string;
  user?: string;
  limit?: string;
}
const COLUMNS: Presentation<unknown, OperationShape>['columns'] = {
  ID: ({ operation }) => operation.id,
  Action: ({ operation }) => operation.action,
  Type: ({ operation }) => operation.scope.type,
  Account: ({ operation }) => operation.scope.id,
  Name: ({ operation }) => operation.scope.name,
  State: ({ operation }) => operation.state,
  Mode: ({ operation }) => operation.mode,
  Found: ({ resources }) => resources.found,
  Removed: ({ resources }) => resources.removed,
  Left: ({ resources }) => resources.left,
  Opened: ({ operation }) => timeText(operation.openedAt),
  Ended: ({ operation }) => timeText(operation.endedAt),
  'Waiting For': (view) => firstReason(view),
};

/** Adds the commands of the groups `operation`, `project` and `domain`. */
export function operationCommands(program: Command, terminal: Terminal): void {
  const operation = program
    .command('operation')
    .description('operations: one operation handles one account change in all services');
  listCommand(operation, terminal);
  showCommand(operation, terminal);
  decisionCommands(operation, terminal);
  const project = program.command('project').description('projects that still exist in Keystone');
  const domain = program.command('domain').description('domains that still exist in Keystone');
  planCommands({ operation, project, domain }, terminal);
  deleteCommands({ project, domain }, terminal);
  suspendResumeCommands(project, terminal);
  provisionCommands(project, terminal);
}

function listCommand(operation: Command, terminal: Terminal): void {
  const { client, color, now } = terminal;
  withOutputOptions(operation.command('list'), 'operation list --state held -c ID -c "Waiting For"')
    .description('list operations, newest first')
    .option('--state <state>', OPERATION_STATES.join(', '), (value) => {
      if (!OPERATION_STATES.some((state) => state === value))
        throw new InvalidArgumentError(`one of ${OPERATION_STATES.join(', ')}`);
      return value;
    })
    .option('--project <id>', 'only operations of this project')
    .option('--domain <id>', 'only operations of this domain and its projects')
    .option('--user <id>', 'only operations of this user')
    .option('--limit <number>', 'the maximum number of entries (default: 100)')
    .action(async ({ json, format, column, ...filter }: ListOptions) => {
      const path = `/v1/operations${queryString({ ...filter })}`;
      const answer = await client.get(path, OperationsShape);
      present(
        terminal,
        answer,
        { json, format, column },
        {
          text: (list) => showOperations(list, now(), color),
          rows: ({ operations }) => operations,
          columns: COLUMNS,
        },
      );
    });
}

function showCommand(operation: Command, terminal: Terminal): void {
  const { client, color, now } = terminal;
  withOutputOptions(operation.command('show <id>'), 'operation show op-4f0c1a2b3c4d')
    .description('show one operation with its tasks, counts and obstacles')
    .option('--resources', 'for a plan: show its digest and every resource that would be removed')
    .addHelpText(
      'after',
      `\nExit codes: 0 the operation is finished or observed;\n${OPERATION_EXIT_CODES_TEXT}.`,
    )
    .action(async (id: string, { resources, ...options }: OutputOptions & { resources?: true }) => {
      const path = `/v1/operations/${encodeURIComponent(id)}`;
      const view = await client.get(path, OperationShape);
      terminal.exitCode = exitCodeOf(view);
      if (resources) {
        if (view.operation.action !== 'plan')
          throw new UsageError(
            `--resources: ${id} is a ${view.operation.action}, and only a plan lists resources`,
          );
        const plan = await client.get(`${path}/plan?resources=true`, PlanShape);
        present(terminal, plan, options, planPresentation(terminal));
        return;
      }
      // Format `json` prints the stored waivers of every operation.
      const waivers = options.json ? view.operation.waived : await waiversOf(view, terminal);
      present(terminal, view, options, {
        text: (one) => showOperation(one, waivers, now(), color),
        rows: (one) => [one],
        columns: COLUMNS,
        isSingle: true,
      });
    });
}
