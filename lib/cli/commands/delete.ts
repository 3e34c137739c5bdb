import type { Command } from 'commander';
import type * as z from 'zod';
import { presentResult, withOutputOptions } from '../format.ts';
import { reasonArgument } from '../reason.ts';
import {
  type RecoveryWindowOptions,
  recoverForOption,
  recoveryWindowBody,
  recoveryWindowText,
  remindOption,
} from '../recovery-window.ts';
import { type OperationShape, OperationsShape } from '../shapes.ts';
import { showOperation } from '../show/operation.ts';
import { showPlan } from '../show/plan.ts';
import { queryString, type Terminal, UsageError } from '../terminal.ts';
import { waiversOf } from './operation-waivers.ts';
import {
  type AccountType,
  approvalOutput,
  approvePlan,
  domainIdOf,
  makePlan,
  OpenedAnswer,
  type PlanOptions,
  planError,
  projectIdOf,
  secondApprovalText,
} from './plan-calls.ts';
import { watchUntil } from './watch.ts';

interface DeleteOptions extends PlanOptions, RecoveryWindowOptions {
  name?: string;
  yes?: true;
  digest?: string;
}

function requireYesWithDigest({ yes, digest }: DeleteOptions): void {
  if ((yes === undefined) !== (digest === undefined))
    throw new UsageError('give both --yes and --digest, or neither');
}

/** `project delete` and `domain delete`. */
export function deleteCommands(
  { project, domain }: Readonly<Record<AccountType, Command>>,
  terminal: Terminal,
): void {
  deleteDomainCommand(domain, terminal);
  deleteProjectCommand(project, terminal);
}

function deleteDomainCommand(domain: Command, terminal: Terminal): void {
  withOutputOptions(
    domain.command('delete <domain>'),
    'domain delete 4f0c1a2b3c4d --reason "contract ended"',
  )
    .description('delete a domain and all its projects; shows the plan and asks first')
    .option('--resources', 'list every resource before the question')
    .option('--yes', 'for scripts: do not ask; needs --digest')
    .option('--digest <digest>', 'the digest of the plan that is approved')
    .option('--reason <text>', 'the reason; stored with the operation', reasonArgument)
    .addOption(recoverForOption('domain'))
    .addOption(remindOption())
    .action(async (nameOrId: string, options: DeleteOptions) => {
      requireYesWithDigest(options);
      const id = await domainIdOf(nameOrId, terminal);
      if (options.digest !== undefined)
        await deletePlanned('domain', id, options.digest, options, terminal);
      else if (terminal.ask) await deleteAfterQuestion('domain', id, options, terminal);
      else
        throw planError(
          'nothing was deleted: without a terminal, the deletion of a domain needs the digest of ' +
            'a plan',
          `Type: propagator domain plan ${id}, then repeat the command with --yes --digest DIGEST`,
        );
    });
}

function deleteProjectCommand(project: Command, terminal: Terminal): void {
  withOutputOptions(
    project.command('delete <project>'),
    'project delete 4f0c1a2b3c4d --reason "contract ended"',
  )
    .description('delete a project and all its resources; shows the plan and asks first')
    .option('--domain <domain>', 'a domain (id or name); <project> is then a name in this domain')
    .option('--resources', 'list every resource before the question')
    .option('--yes', 'for scripts: do not ask; needs --digest')
    .option('--digest <digest>', 'the digest of the plan that is approved')
    .option(
      '--name <name>',
      'delete without a plan; NAME is the name of the project. Without a plan, the deletion of ' +
        'an enabled project requires this option',
    )
    .option('--reason <text>', 'the reason; stored with the operation', reasonArgument)
    .addOption(recoverForOption('project'))
    .addOption(remindOption())
    .action(async (nameOrId: string, options: DeleteOptions) => {
      requireYesWithDigest(options);
      const id = await projectIdOf(nameOrId, options, terminal);
      if (options.digest !== undefined)
        await deletePlanned('project', id, options.digest, options, terminal);
      else if (terminal.ask && options.name === undefined)
        await deleteAfterQuestion('project', id, options, terminal);
      else await deleteUnplanned(id, options, terminal);
    });
}

async function deletePlanned(
  kind: AccountType,
  id: string,
  digest: string,
  options: DeleteOptions,
  terminal: Terminal,
): Promise<void> {
  const { operations } = await terminal.client.get(
    `/v1/operations${queryString({ [kind]: id, limit: '1000' })}`,
    OperationsShape,
  );
  const plan = operations.find(
    ({ operation: { action, scope } }) => action === 'plan' && scope.type === kind,
  );
  if (!plan)
    throw planError(`there is no plan of this ${kind}`, `Type: propagator ${kind} plan ${id}`);
  const answer = await approvePlan(plan.operation.id, digest, options, terminal);
  presentResult(terminal, answer, options, approvalOutput(plan.operation.id));
}

async function deleteAfterQuestion(
  kind: AccountType,
  id: string,
  options: DeleteOptions,
  terminal: Terminal,
): Promise<void> {
  const { now } = terminal;
  const plan = await makePlan(kind, id, options, terminal);
  const name = plan.scope.name ?? plan.scope.id;
  // The text shows no command to copy, because it would lack the options of this command, such as
  // `--recover-for`. The answer to the question below approves the plan.
  terminal.write(`${showPlan(plan, now(), terminal.color, 'question')}\n\n`);
  if (plan.keystoneCheck.refusals.length > 0)
    throw planError(
      `nothing was deleted, because Keystone would refuse the deletion of the ${kind}`,
      'Remove the causes under "Keystone would refuse the deletion" in the plan, then try again.',
    );
  const typedName = await terminal.ask?.(
    `Type the name of the ${kind} to remove all of this and delete it (${name}): `,
  );
  if (typedName?.trim() !== name)
    throw planError(
      `nothing was deleted: the typed name is not the name of the ${kind}`,
      'The plan is kept.',
    );
  const answer = await approvePlan(plan.id, plan.digest ?? '', options, terminal);
  const { opened: operationId, waitsFor, recoverableUntil } = answer;
  if (operationId === undefined) {
    terminal.write(
      `${plan.id} is approved by you; ${waitsFor ?? 'it waits'}. ${secondApprovalText(plan.id)}\n`,
    );
    return;
  }
  if (recoverableUntil !== undefined) {
    terminal.write(`${recoveryWindowText(operationId, recoverableUntil, kind)}\n`);
    return;
  }
  terminal.write(`${operationId} begins. Ctrl-C ends only this view.\n`);
  await followToEnd(operationId, terminal);
}

/** Follows the operation until it has ended or is held. */
async function followToEnd(id: string, terminal: Terminal): Promise<void> {
  const isHeld = ({ operation: { state } }: OperationShape): boolean => state === 'held';
  const lastState = await watchUntil(id, terminal, isHeld);
  if (!lastState) return;
  // The view is printed even if the waivers cannot be read, for example while the API restarts.
  const waivers = await waiversOf(lastState, terminal).catch(() => []);
  terminal.write(`\n${showOperation(lastState, waivers, terminal.now(), terminal.color)}\n`);
}

async function deleteUnplanned(
  id: string,
  { name, reason, ...options }: DeleteOptions,
  terminal: Terminal,
): Promise<void> {
  const body = { action: 'cleanup', project: id, name, reason, ...recoveryWindowBody(options) };
  const answer = await terminal.client.post('/v1/operations', body, OpenedAnswer);
  const text = ({
    opened: operationId,
    unknown: unchecked,
    recoverableUntil,
  }: z.infer<typeof OpenedAnswer>): string =>
    [
      ...unchecked.map((what) => `Could not be checked in advance: ${what}.`),
      recoverableUntil === undefined
        ? `${operationId} was opened. Follow it: propagator operation show ${operationId}`
        : recoveryWindowText(operationId, recoverableUntil, 'project'),
    ].join('\n');
  presentResult(terminal, answer, options, text);
}
