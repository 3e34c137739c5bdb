import type { Command } from 'commander';
import pLimit from 'p-limit';
import * as z from 'zod';
import { type OutputOptions, present, presentResult, withOutputOptions } from '../format.ts';
import { reasonArgument } from '../reason.ts';
import { EXIT, queryString, type Terminal } from '../terminal.ts';

const optionalText = z.string().optional();
const ComparedItem = z.object({
  type: z.string(),
  name: z.string(),
  state: z.enum(['as-wanted', 'missing', 'differs', 'waiting', 'blocked']),
  wanted: z.string(),
  found: optionalText,
  message: optionalText,
  advice: optionalText,
});
type ComparedItem = z.infer<typeof ComparedItem>;
const Comparison = z.object({
  project: z.string(),
  name: optionalText,
  profile: z.string(),
  services: z.array(
    z.object({
      service: z.string(),
      region: z.string(),
      items: z.array(ComparedItem),
      error: z.object({ message: z.string(), advice: z.string() }).optional(),
    }),
  ),
});
type Comparison = z.infer<typeof Comparison>;
const ProvisionedAnswer = z.object({ projects: z.array(z.object({ project: z.string() })) });
const OpenedAnswer = z.object({ opened: z.string().nullable() });

interface ProvisionOptions extends OutputOptions {
  readonly plan?: boolean;
  readonly profile?: string;
  readonly reconcile?: boolean;
  readonly reason?: string;
}

/** Drift has the same exit code as an operation that ended `unverified`: 3. */
const DRIFT_EXIT_CODE = EXIT.unverified;
/** The number of projects that are compared at the same time. */
const MAX_CONCURRENT_COMPARISONS = 4;

/** `project provision` and `project drift`. */
export function provisionCommands(project: Command, terminal: Terminal): void {
  provisionCommand(project, terminal);
  driftCommand(project, terminal);
}

const projectPath = (id: string): string => `/v1/projects/${encodeURIComponent(id)}`;

function provisionCommand(project: Command, terminal: Terminal): void {
  const { client } = terminal;
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
      const { plan, profile, reconcile, reason, ...output } = options;
      if (plan) {
        const path = `${projectPath(id)}/provision${queryString({ profile })}`;
        presentPlan(terminal, await client.get(path, Comparison), output, reconcile === true);
        return;
      }
      const body = { reason, profile, reconcile };
      const answer = await client.post(`${projectPath(id)}/provision`, body, OpenedAnswer);
      presentResult(
        terminal,
        answer,
        output,
        ({ opened }) => `${opened} begins. Follow it: propagator operation show ${opened}`,
      );
    });
}

function driftCommand(project: Command, terminal: Terminal): void {
  const { client } = terminal;
  withOutputOptions(project.command('drift [project]'), 'project drift')
    .description('compare one project, or all provisioned projects, with the profile')
    .addHelpText('after', '\nExit codes: 0 no drift, 3 drift, or a service could not be compared.')
    .action(async (id: string | undefined, output: OutputOptions) => {
      const ids = id === undefined ? await provisionedProjects(terminal) : [id];
      const limit = pLimit(MAX_CONCURRENT_COMPARISONS);
      const comparisons = await Promise.all(
        ids.map((projectId) =>
          limit(async () => {
            const answer = client.get(`${projectPath(projectId)}/drift`, Comparison);
            if (id !== undefined) return answer;
            // One project that cannot be compared must not hide the others.
            return answer.catch((thrown: unknown) => failedComparison(projectId, thrown));
          }),
        ),
      );
      present(terminal, { projects: comparisons }, output, {
        text: ({ projects }) =>
          projects.length === 0
            ? 'No project was provisioned.'
            : projects.map((one) => driftText(one)).join('\n'),
        rows: ({ projects }) => projects.flatMap(rowsIn),
        columns: COLUMNS,
      });
      if (comparisons.some(hasDrift)) terminal.exitCode = DRIFT_EXIT_CODE;
    });
}

const provisionedProjects = async ({ client }: Terminal): Promise<string[]> =>
  (await client.get('/v1/provisioned', ProvisionedAnswer)).projects.map(({ project }) => project);

/** Returns a comparison that contains only the error. */
const failedComparison = (project: string, thrown: unknown): Comparison => {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const error = { message, advice: '' };
  return { project, profile: '', services: [{ service: '', region: '', items: [], error }] };
};

const isAsWanted = ({ state }: ComparedItem): boolean => state === 'as-wanted';

const hasDrift = ({ services }: Comparison): boolean =>
  services.some(({ items, error }) => error !== undefined || !items.every(isAsWanted));

interface ItemRow extends ComparedItem {
  readonly project: string;
  readonly service: string;
  readonly region: string;
}
const rowsIn = ({ project, services }: Comparison): ItemRow[] =>
  services.flatMap(({ items, service, region }) =>
    items.map((item) => ({ ...item, project, service, region })),
  );
const COLUMNS: Readonly<Record<string, (row: ItemRow) => string | undefined>> = {
  Project: ({ project }) => project,
  Type: ({ service, type }) => `${service}.${type}`,
  Region: ({ region }) => region,
  Name: ({ name }) => name,
  State: ({ state }) => state,
  Found: ({ found }) => found,
  Wanted: ({ wanted }) => wanted,
};

function presentPlan(
  terminal: Terminal,
  plan: Comparison,
  output: OutputOptions,
  reconcile: boolean,
): void {
  present(terminal, plan, output, {
    text: (comparison) => planText(comparison, reconcile),
    rows: rowsIn,
    columns: COLUMNS,
  });
}

/** The marks of a plan, as in Terraform: `+` to create, `~` to change, `!` for a person to fix. */
type Mark = '+' | '~' | '!';

function markOf({ state }: ComparedItem, reconcile: boolean): Mark {
  if (state === 'differs') return reconcile ? '~' : '!';
  return state === 'blocked' ? '!' : '+';
}

function planText(plan: Comparison, reconcile: boolean): string {
  const lines = [headText(plan)];
  const counts = { '+': 0, '~': 0, '!': 0 };
  for (const row of rowsIn(plan)) {
    if (isAsWanted(row)) continue;
    const mark = markOf(row, reconcile);
    counts[mark] += 1;
    lines.push(`  ${mark} ${itemText(row)}`);
  }
  lines.push(...errorLines(plan));
  lines.push(
    `Plan: ${counts['+']} to create, ${counts['~']} to change, ${counts['!']} left for a ` +
      'person. Nothing is deleted.',
  );
  return lines.join('\n');
}

function driftText(comparison: Comparison): string {
  const rows = rowsIn(comparison).filter((row) => !isAsWanted(row));
  const lines = rows.map((row) => `  ${row.state === 'missing' ? '-' : '~'} ${itemText(row)}`);
  const errors = errorLines(comparison);
  if (lines.length + errors.length === 0) return `${headText(comparison)}: as the profile says`;
  return [headText(comparison), ...lines, ...errors].join('\n');
}

const headText = ({ project, name, profile }: Comparison): string =>
  `${project}${name === undefined ? '' : ` ${name}`}, profile ${profile}`;

function itemText({ service, type, region, name, wanted, found, message }: ItemRow): string {
  const resourceText = `${service}.${type} ${name}`;
  const change = found === undefined ? wanted : `${found} -> ${wanted}`;
  return `${resourceText} (${region}): ${change}${message === undefined ? '' : `; ${message}`}`;
}

const errorLines = ({ services }: Comparison): string[] =>
  services.flatMap(({ service, error }) =>
    error ? [`  ? ${service}: ${error.message}${error.advice && ` ${error.advice}`}`] : [],
  );
