import type { Command } from 'commander';
import * as z from 'zod';
import { ENDED } from '../../operation/model.ts';
import { PropagatorError } from '../../shared/errors.ts';
import { oneOf, type Presentation, type Printed, present, printable } from '../format.ts';
import { time } from '../output.ts';
import { reasonArgument } from '../reason.ts';
import {
  recoverFor,
  remind,
  type WindowOptions,
  windowBody,
  windowText,
} from '../recovery-window.ts';
import { OperationShape, OperationsShape, PlanShape } from '../shapes.ts';
import { showOperation } from '../show/operation.ts';
import { showPlan } from '../show/plan.ts';
import { query, type Terminal, UsageError } from '../terminal.ts';
import { watchUntil } from './watch.ts';

type Kind = 'project' | 'domain';
interface PlanOptions extends Printed {
  domain?: string;
  resources?: true;
  reason?: string;
}
interface ApproveOptions extends Printed, WindowOptions {
  digest: string;
  reason?: string;
}
interface DeleteOptions extends PlanOptions, WindowOptions {
  name?: string;
  yes?: true;
  digest?: string;
}

/** Only after a request with a recovery window. */
const Window = {
  recoverableUntil: z.number().optional(),
  /** `project` or `domain`. An older API does not send it. */
  type: z.string().optional(),
};
const Opened = z.object({
  opened: z.string(),
  unknown: z.array(z.string()).default([]),
  ...Window,
});
const Approved = z.looseObject({
  opened: z.string().optional(),
  waitsFor: z.string().optional(),
  unknown: z.array(z.string()).default([]),
  ...Window,
});
const Found = z.object({
  projects: z.array(z.looseObject({ id: z.string(), domainId: z.string().optional() })),
});

const FoundDomains = z.object({ domains: z.array(z.looseObject({ id: z.string() })) });

const COLUMNS: Presentation<PlanShape, PlanShape>['columns'] = {
  ID: ({ id }) => id,
  Account: ({ scope }) => scope.id,
  Name: ({ scope }) => scope.name,
  State: ({ state }) => state,
  Digest: ({ digest }) => digest,
  Resources: ({ resources }) => resources,
  Approvals: ({ approvals }) => approvals.map(({ by }) => by).join(','),
  Opened: ({ openedAt }) => time(openedAt),
};
/** How a plan is printed, with the command that approves it. */
export const planPresentation = ({ now, color }: Terminal): Presentation<PlanShape, PlanShape> => ({
  text: (shown) => showPlan(shown, now(), color, 'approve'),
  rows: (shown) => [shown],
  columns: COLUMNS,
  isOne: true,
});
const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, millis));
const POLL_MILLIS = 1000;

/** `plan` and `delete` of a project and of a domain, and `operation approve`. */
export function planCommands(
  { operation, project, domain }: Readonly<Record<'operation' | Kind, Command>>,
  terminal: Terminal,
): void {
  const { client, now } = terminal;
  const sleep = terminal.sleep ?? pause;

  printable(
    project.command('plan <project>'),
    'project plan 4f0c1a2b3c4d --resources -f json > plan.json',
  )
    .description('list what the deletion of a project would remove; changes nothing')
    .option('--domain <domain>', 'the project is given by its name, in this domain (id or name)')
    .option('--resources', 'list every resource: type, id, name, age')
    .option('--reason <text>', 'why; stored with the plan', reasonArgument)
    .action(async (word: string, options: PlanOptions) => {
      const plan = await makePlan('project', await idOf(word, options), options);
      present(terminal, plan, options, planPresentation(terminal));
    });

  printable(domain.command('plan <domain>'), 'domain plan 4f0c1a2b3c4d --resources')
    .description('list what the deletion of a domain would remove, by project; changes nothing')
    .option('--resources', 'list every resource: type, id, name, age')
    .option('--reason <text>', 'why; stored with the plan', reasonArgument)
    .action(async (word: string, options: PlanOptions) => {
      const plan = await makePlan('domain', await domainOf(word), options);
      present(terminal, plan, options, planPresentation(terminal));
    });

  printable(
    domain.command('delete <domain>'),
    'domain delete 4f0c1a2b3c4d --reason "contract ended"',
  )
    .description('plan the deletion of a domain, ask, disable it, delete its projects, delete it')
    .option('--resources', 'list every resource before the question')
    .option('--yes', 'for scripts: do not ask; needs --digest')
    .option('--digest <digest>', 'the digest of the plan that is approved')
    .option('--reason <text>', 'why; stored with the operation', reasonArgument)
    .addOption(recoverFor('domain'))
    .addOption(remind())
    .action(async (word: string, options: DeleteOptions) => {
      checkDigest(options);
      const id = await domainOf(word);
      if (options.digest !== undefined) await deletePlanned('domain', id, options.digest, options);
      else if (terminal.ask) await deleteAfterQuestion('domain', id, options);
      else
        throw failed(
          'nothing was deleted: without a terminal, the deletion of a domain needs its digest',
          `Type: propagator domain plan ${id}, then give the digest: --yes --digest DIGEST`,
        );
    });

  printable(
    operation.command('approve <id>'),
    'operation approve op-4f0c1a2b3c4d --digest ' +
      '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  )
    .description('approve a plan, so that it is carried out')
    .requiredOption('--digest <digest>', 'the digest that the plan shows')
    .option('--reason <text>', 'why; stored with the operation', reasonArgument)
    .addOption(recoverFor('plan'))
    .addOption(remind())
    .action(async (id: string, { digest, ...options }: ApproveOptions) => {
      const answer = await approve(id, digest, options);
      present(terminal, answer, options, oneOf<typeof answer>(approvedText(id)));
    });

  printable(
    project.command('delete <project>'),
    'project delete 4f0c1a2b3c4d --reason "contract ended"',
  )
    .description('plan the deletion of a project, ask, empty it in every service, and delete it')
    .option('--domain <domain>', 'the project is given by its name, in this domain (id or name)')
    .option('--resources', 'list every resource before the question')
    .option('--yes', 'for scripts: do not ask; needs --digest')
    .option('--digest <digest>', 'the digest of the plan that is approved')
    .option('--name <name>', 'without a plan: the name of the project, required if it is enabled')
    .option('--reason <text>', 'why; stored with the operation', reasonArgument)
    .addOption(recoverFor('project'))
    .addOption(remind())
    .action(async (word: string, options: DeleteOptions) => {
      checkDigest(options);
      const id = await idOf(word, options);
      if (options.digest !== undefined) await deletePlanned('project', id, options.digest, options);
      else if (terminal.ask && options.name === undefined)
        await deleteAfterQuestion('project', id, options);
      else await deleteUnplanned(id, options);
    });

  async function idOf(word: string, { domain }: PlanOptions): Promise<string> {
    if (domain === undefined) return word;
    const { projects } = await client.get(`/v1/projects${query({ name: word, domain })}`, Found);
    const [found, ...others] = projects;
    if (found && others.length === 0) return found.id;
    throw failed(
      found ? `${projects.length} projects have this name` : 'the inventory knows no such project',
      'Give the id of the project: openstack project list --domain DOMAIN',
    );
  }

  /** The id of the domain that the word names. An unknown word is taken as an id. */
  async function domainOf(word: string): Promise<string> {
    const { domains } = await client.get(`/v1/domains${query({ name: word })}`, FoundDomains);
    const [found, ...others] = domains;
    if (found && others.length === 0) return found.id;
    if (!found) return word;
    throw failed(
      `${domains.length} domains have this name`,
      'Give the id of the domain: openstack domain list',
    );
  }

  async function makePlan(
    kind: Kind,
    id: string,
    { reason, resources }: PlanOptions,
  ): Promise<PlanShape> {
    const path = `/v1/${kind}s/${encodeURIComponent(id)}/plan`;
    const { opened } = await client.post(path, { reason }, Opened);
    const wanted = query({ resources: resources ? 'true' : undefined });
    for (;;) {
      const plan = await client.get(`/v1/operations/${opened}/plan${wanted}`, PlanShape);
      if (plan.digest !== undefined) return plan;
      if (ENDED.some((state) => state === plan.state)) {
        const { operation } = await client.get(`/v1/operations/${opened}`, OperationShape);
        throw failed(
          `the plan ${opened} ended ${plan.state}: ${operation.hold?.reason ?? 'without a reason'}`,
          `See: propagator operation show ${opened}`,
        );
      }
      await sleep(POLL_MILLIS);
    }
  }

  const approve = (
    id: string,
    digest: string,
    { reason, ...options }: WindowOptions & { reason?: string },
  ) =>
    client.post(
      `/v1/operations/${encodeURIComponent(id)}/approve`,
      { digest, reason, ...windowBody(options) },
      Approved,
    );

  async function deletePlanned(
    kind: Kind,
    id: string,
    digest: string,
    options: DeleteOptions,
  ): Promise<void> {
    const { operations } = await client.get(
      `/v1/operations${query({ [kind]: id })}`,
      OperationsShape,
    );
    const plan = operations.find(
      ({ operation: { action, scope } }) => action === 'plan' && scope.type === kind,
    );
    if (!plan)
      throw failed(`there is no plan of this ${kind}`, `Type: propagator ${kind} plan ${id}`);
    const answer = await approve(plan.operation.id, digest, options);
    present(terminal, answer, options, oneOf<typeof answer>(approvedText(plan.operation.id)));
  }

  async function deleteAfterQuestion(
    kind: Kind,
    id: string,
    options: DeleteOptions,
  ): Promise<void> {
    const plan = await makePlan(kind, id, options);
    const name = plan.scope.name ?? plan.scope.id;
    // The answer to the question below approves the plan. A command to copy would lack the options
    // of this command, such as `--recover-for`.
    terminal.write(`${showPlan(plan, now(), terminal.color, 'asked')}\n\n`);
    if (plan.keystoneCheck.refusals.length > 0)
      throw failed(
        `nothing was deleted, because Keystone would refuse the deletion of the ${kind}`,
        'Clear what the plan names, then try again.',
      );
    const typed = await terminal.ask?.(
      `Type the name of the ${kind} to remove all of this and delete it (${name}): `,
    );
    if (typed?.trim() !== name)
      throw failed('nothing was deleted: the name is another one', 'The plan stays.');
    const answer = await approve(plan.id, plan.digest ?? '', options);
    const { opened, waitsFor, recoverableUntil } = answer;
    if (opened === undefined) {
      terminal.write(
        `${plan.id} is approved by you; ${waitsFor ?? 'it waits'}. ${anotherPerson(plan.id)}\n`,
      );
      return;
    }
    if (recoverableUntil !== undefined) {
      terminal.write(`${windowText(opened, recoverableUntil, kind)}\n`);
      return;
    }
    terminal.write(`${opened} begins. Ctrl-C ends only this view.\n`);
    await follow(opened);
  }

  /** Follows the operation until it has ended, or is held and waits for a person. */
  async function follow(id: string): Promise<void> {
    const isHeld = ({ operation: { state } }: OperationShape): boolean => state === 'held';
    const last = await watchUntil(id, terminal, isHeld);
    if (last) terminal.write(`\n${showOperation(last, [], now(), terminal.color)}\n`);
  }

  async function deleteUnplanned(
    id: string,
    { name, reason, ...options }: DeleteOptions,
  ): Promise<void> {
    const body = { action: 'cleanup', project: id, name, reason, ...windowBody(options) };
    const answer = await client.post('/v1/operations', body, Opened);
    const text = ({ opened, unknown, recoverableUntil }: z.infer<typeof Opened>): string =>
      [
        ...unknown.map((what) => `Could not be checked in advance: ${what}.`),
        recoverableUntil === undefined
          ? `${opened} was opened. Follow it: propagator operation show ${opened}`
          : windowText(opened, recoverableUntil, 'project'),
      ].join('\n');
    present(terminal, answer, options, oneOf<typeof answer>(text));
  }
}

function checkDigest({ yes, digest }: DeleteOptions): void {
  if ((yes === undefined) !== (digest === undefined))
    throw new UsageError('--yes and --digest belong together');
}

/** The command shows the plan with its digest and the command that approves it. */
const anotherPerson = (id: string): string =>
  `Another person must read it and approve it: propagator operation show ${id} --resources`;

const approvedText =
  (id: string) =>
  ({ opened, waitsFor, unknown, recoverableUntil, type }: z.infer<typeof Approved>): string =>
    opened === undefined
      ? `${id} is approved by you; ${waitsFor}. ${anotherPerson(id)}`
      : [
          ...unknown.map((what) => `Could not be checked in advance: ${what}.`),
          recoverableUntil === undefined
            ? `${opened} carries out ${id}. Follow it: propagator operation show ${opened}`
            : windowText(opened, recoverableUntil, type),
        ].join('\n');

const failed = (message: string, advice: string): PropagatorError =>
  new PropagatorError({ code: 'cli.plan', class: 'Denied', message, advice });
