import type { Command } from 'commander';
import pLimit from 'p-limit';
import * as z from 'zod';
import { type Printed, present, singleResult, withOutputOptions } from '../format.ts';
import { reasonArgument } from '../reason.ts';
import { EXIT, query, type Terminal } from '../terminal.ts';

const text = z.string().optional();
const Item = z.object({
  type: z.string(),
  name: z.string(),
  state: z.enum(['as-wanted', 'missing', 'differs', 'waiting', 'blocked']),
  wanted: z.string(),
  found: text,
  message: text,
  advice: text,
});
type Item = z.infer<typeof Item>;
const Compared = z.object({
  project: z.string(),
  name: text,
  profile: z.string(),
  services: z.array(
    z.object({
      service: z.string(),
      region: z.string(),
      items: z.array(Item),
      error: z.object({ message: z.string(), advice: z.string() }).optional(),
    }),
  ),
});
type Compared = z.infer<typeof Compared>;
const Provisioned = z.object({ projects: z.array(z.object({ project: z.string() })) });
const Opened = z.object({ opened: z.string().nullable() });

interface ProvisionOptions extends Printed {
  readonly plan?: boolean;
  readonly profile?: string;
  readonly reconcile?: boolean;
  readonly reason?: string;
}

/** Projects compared at the same time. */
const CONCURRENCY = 4;

/** `project provision` and `project drift`. */
export function provisionCommands(project: Command, terminal: Terminal): void {
  const { client } = terminal;
  const pathOf = (id: string): string => `/v1/projects/${encodeURIComponent(id)}`;
  withOutputOptions(project.command('provision <project>'), 'project provision 4f0c1a2b3c4d --plan')
    .description('create the resources and settings that a project lacks, from its profile')
    .option('--plan', 'only print the resources and settings that would be created')
    .option(
      '--profile <name>',
      'a profile of the policy file (default: the profile that its rules choose)',
    )
    .option('--reconcile', 'also change settings and resources that have other values')
    .option(
      '--reason <text>',
      'the reason; stored with the operation',
      reasonArgument,
      'requested by an administrator',
    )
    .action(async (id: string, options: ProvisionOptions) => {
      const { plan, profile, reconcile, reason, ...printed } = options;
      if (plan) {
        const path = `${pathOf(id)}/provision${query({ profile })}`;
        show(terminal, await client.get(path, Compared), printed, reconcile === true);
        return;
      }
      const body = { reason, profile, reconcile };
      const answer = await client.post(`${pathOf(id)}/provision`, body, Opened);
      present(
        terminal,
        answer,
        printed,
        singleResult<typeof answer>(
          ({ opened }) => `${opened} begins. Follow it: propagator operation show ${opened}`,
        ),
      );
    });
  withOutputOptions(project.command('drift [project]'), 'project drift')
    .description('compare one project, or all provisioned projects, with the profile')
    .addHelpText('after', '\nExit codes: 0 no drift, 3 drift, or a service could not be compared.')
    .action(async (id: string | undefined, printed: Printed) => {
      const ids = id === undefined ? await provisioned(terminal) : [id];
      const limit = pLimit(CONCURRENCY);
      const compared = await Promise.all(
        ids.map((one) =>
          limit(async () => {
            const answer = client.get(`${pathOf(one)}/drift`, Compared);
            // One project that cannot be compared must not hide the others.
            return id === undefined
              ? answer.catch((thrown: unknown) => failed(one, thrown))
              : answer;
          }),
        ),
      );
      present(terminal, { projects: compared }, printed, {
        text: ({ projects }) =>
          projects.length === 0
            ? 'No project was provisioned.'
            : projects.map((one) => driftOf(one)).join('\n'),
        rows: ({ projects }) => projects.flatMap(rowsOf),
        columns: COLUMNS,
      });
      if (compared.some(hasDrift)) terminal.exitCode = EXIT.unproven;
    });
}

const provisioned = async ({ client }: Terminal): Promise<string[]> =>
  (await client.get('/v1/provisioned', Provisioned)).projects.map(({ project }) => project);

const failed = (project: string, thrown: unknown): Compared => {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const error = { message, advice: '' };
  return { project, profile: '', services: [{ service: '', region: '', items: [], error }] };
};

const isAsWanted = ({ state }: Item): boolean => state === 'as-wanted';

const hasDrift = ({ services }: Compared): boolean =>
  services.some(({ items, error }) => error !== undefined || !items.every(isAsWanted));

interface Row extends Item {
  readonly project: string;
  readonly service: string;
  readonly region: string;
}
const rowsOf = ({ project, services }: Compared): Row[] =>
  services.flatMap(({ items, service, region }) =>
    items.map((item) => ({ ...item, project, service, region })),
  );
const COLUMNS: Readonly<Record<string, (row: Row) => string | undefined>> = {
  Project: ({ project }) => project,
  Type: ({ service, type }) => `${service}.${type}`,
  Region: ({ region }) => region,
  Name: ({ name }) => name,
  State: ({ state }) => state,
  Found: ({ found }) => found,
  Wanted: ({ wanted }) => wanted,
};

function show(terminal: Terminal, plan: Compared, printed: Printed, reconcile: boolean): void {
  present(terminal, plan, printed, {
    text: (shown) => planOf(shown, reconcile),
    rows: rowsOf,
    columns: COLUMNS,
  });
}

/** Marks as in a plan of Terraform: `+` to create, `~` to change, `!` for a person to fix. */
function markOf({ state }: Item, reconcile: boolean): string {
  if (state === 'differs') return reconcile ? '~' : '!';
  return state === 'blocked' ? '!' : '+';
}

function planOf(plan: Compared, reconcile: boolean): string {
  const lines = [headOf(plan)];
  const counts = { '+': 0, '~': 0, '!': 0 };
  for (const row of rowsOf(plan)) {
    if (isAsWanted(row)) continue;
    const sign = markOf(row, reconcile);
    counts[sign as keyof typeof counts] += 1;
    lines.push(`  ${sign} ${lineOf(row)}`);
  }
  lines.push(...errorsOf(plan));
  lines.push(
    `Plan: ${counts['+']} to create, ${counts['~']} to change, ${counts['!']} left for a ` +
      'person. Nothing is deleted.',
  );
  return lines.join('\n');
}

function driftOf(compared: Compared): string {
  const rows = rowsOf(compared).filter((row) => !isAsWanted(row));
  const lines = rows.map((row) => `  ${row.state === 'missing' ? '-' : '~'} ${lineOf(row)}`);
  const errors = errorsOf(compared);
  if (lines.length + errors.length === 0) return `${headOf(compared)}: as the profile says`;
  return [headOf(compared), ...lines, ...errors].join('\n');
}

const headOf = ({ project, name, profile }: Compared): string =>
  `${project}${name === undefined ? '' : ` ${name}`}, profile ${profile}`;

function lineOf({ service, type, region, name, wanted, found, message }: Row): string {
  const what = `${service}.${type} ${name}`;
  const change = found === undefined ? wanted : `${found} -> ${wanted}`;
  return `${what} (${region}): ${change}${message === undefined ? '' : `; ${message}`}`;
}

const errorsOf = ({ services }: Compared): string[] =>
  services.flatMap(({ service, error }) =>
    error ? [`  ? ${service}: ${error.message}${error.advice && ` ${error.advice}`}`] : [],
  );
