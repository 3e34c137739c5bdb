import type { Command } from 'commander';
import {
  type OutputOptions,
  type Presentation,
  present,
  presentResult,
  withOutputOptions,
} from '../format.ts';
import { timeText } from '../output.ts';
import { reasonArgument } from '../reason.ts';
import { type RecoveryWindowOptions, recoverForOption, remindOption } from '../recovery-window.ts';
import type { PlanShape } from '../shapes.ts';
import { showPlan } from '../show/plan.ts';
import type { Terminal } from '../terminal.ts';
import {
  type AccountType,
  approvalOutput,
  approvePlan,
  domainIdOf,
  makePlan,
  type PlanOptions,
  projectIdOf,
} from './plan-calls.ts';

interface ApproveOptions extends OutputOptions, RecoveryWindowOptions {
  digest: string;
  reason?: string;
}

const COLUMNS: Presentation<PlanShape, PlanShape>['columns'] = {
  ID: ({ id }) => id,
  Account: ({ scope }) => scope.id,
  Name: ({ scope }) => scope.name,
  State: ({ state }) => state,
  Digest: ({ digest }) => digest,
  Resources: ({ resources }) => resources,
  Approvals: ({ approvals }) => approvals.map(({ by }) => by).join(','),
  Opened: ({ openedAt }) => timeText(openedAt),
};

/** How a plan is printed, with the command that approves it. */
export const planPresentation = ({ now, color }: Terminal): Presentation<PlanShape, PlanShape> => ({
  text: (plan) => showPlan(plan, now(), color, 'command'),
  rows: (plan) => [plan],
  columns: COLUMNS,
  isSingle: true,
});

/** `project plan`, `domain plan` and `operation approve`. */
export function planCommands(
  { operation, project, domain }: Readonly<Record<'operation' | AccountType, Command>>,
  terminal: Terminal,
): void {
  withOutputOptions(
    project.command('plan <project>'),
    'project plan 4f0c1a2b3c4d --resources -f json > plan.json',
  )
    .description('list the resources that the deletion of a project would remove; changes nothing')
    .option('--domain <domain>', 'a domain (id or name); <project> is then a name in this domain')
    .option('--resources', 'list every resource: type, id, name, age')
    .option('--reason <text>', 'the reason; stored with the plan', reasonArgument)
    .action(async (nameOrId: string, options: PlanOptions) => {
      const plan = await makePlan(
        'project',
        await projectIdOf(nameOrId, options, terminal),
        options,
        terminal,
      );
      present(terminal, plan, options, planPresentation(terminal));
    });

  withOutputOptions(domain.command('plan <domain>'), 'domain plan 4f0c1a2b3c4d --resources')
    .description(
      'count the resources that the deletion of a domain would remove, by project; changes nothing',
    )
    .option('--resources', 'list every resource: type, id, name, age')
    .option('--reason <text>', 'the reason; stored with the plan', reasonArgument)
    .action(async (nameOrId: string, options: PlanOptions) => {
      const plan = await makePlan(
        'domain',
        await domainIdOf(nameOrId, terminal),
        options,
        terminal,
      );
      present(terminal, plan, options, planPresentation(terminal));
    });

  withOutputOptions(
    operation.command('approve <id>'),
    'operation approve op-4f0c1a2b3c4d --digest ' +
      '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  )
    .description('approve a plan, so that it is carried out')
    .requiredOption('--digest <digest>', 'the digest that the plan shows')
    .option('--reason <text>', 'the reason; stored with the operation', reasonArgument)
    .addOption(recoverForOption('plan'))
    .addOption(remindOption())
    .action(async (id: string, { digest, ...options }: ApproveOptions) => {
      const answer = await approvePlan(id, digest, options, terminal);
      presentResult(terminal, answer, options, approvalOutput(id));
    });
}
