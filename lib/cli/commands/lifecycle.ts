import type { Command } from 'commander';
import * as z from 'zod';
import { type AccountFacts, decideChange, type PolicyDecision } from '../../policy/decide.ts';
import { type PolicyChange, PROJECT_CHANGES } from '../../policy/schema.ts';
import { optionsWithLoss } from '../../policy/suspend-options.ts';
import { type OutputOptions, presentResult, withOutputOptions } from '../format.ts';
import { reasonOption } from '../reason.ts';
import { EXIT, type Terminal } from '../terminal.ts';

const optionalText = z.string().optional();
const ProjectFacts = z.looseObject({
  id: z.string(),
  name: optionalText,
  domainId: optionalText,
  domainName: optionalText,
  parentId: optionalText,
  tags: z.array(z.string()),
});
const Decision = z.looseObject({
  action: z.enum(['provision', 'suspend', 'resume', 'cleanup', 'none']),
  afterMillis: z.number().optional(),
  mode: z.enum(['observe', 'enforce']),
  rule: z.number().optional(),
  profile: optionalText,
  reconcile: z.boolean().optional(),
});
const PolicyAnswer = z.looseObject({
  facts: ProjectFacts,
  state: z.string(),
  mode: z.string(),
  changes: z.record(z.string(), Decision),
  losses: z.array(z.looseObject({ text: z.string(), loses: optionalText })).default([]),
});
const OpenedAnswer = z.object({ opened: z.string().nullable(), because: optionalText });

/** `project suspend` and `project resume`. */
export function suspendResumeCommands(project: Command, terminal: Terminal): void {
  suspendOrResumeCommand(
    project,
    'suspend',
    'suspend a project in every service, and keep it suspended even if it is enabled in Keystone',
    'the invoice is not paid',
    terminal,
  );
  suspendOrResumeCommand(
    project,
    'resume',
    'end the hold of an operator, and resume the suspended resources',
    'the invoice is paid',
    terminal,
  );
}

function suspendOrResumeCommand(
  project: Command,
  action: 'suspend' | 'resume',
  description: string,
  exampleReason: string,
  terminal: Terminal,
): void {
  withOutputOptions(
    project.command(`${action} <project>`),
    `project ${action} 4f0c1a2b3c4d --reason "${exampleReason}"`,
  )
    .description(description)
    .requiredOption(...reasonOption('with the hold'))
    .action(async (id: string, { reason, ...options }: OutputOptions & { reason: string }) => {
      const path = `/v1/projects/${encodeURIComponent(id)}/${action}`;
      const answer = await terminal.client.post(path, { reason }, OpenedAnswer);
      presentResult(terminal, answer, options, ({ opened, because }) =>
        opened === null
          ? `No operation begins: ${because ?? 'there is nothing to do'}.`
          : `${opened} begins. Follow it: propagator operation show ${opened}`,
      );
    });
}

/** `policy check` and `policy show`. */
export function policyCommands(program: Command, terminal: Terminal): void {
  const policy = program
    .command('policy')
    .description('the policy file: the action for each account change');
  checkCommand(policy, terminal);
  showCommand(policy, terminal);
}

const fetchPolicyAnswer = (projectId: string, { client }: Terminal) =>
  client.get(`/v1/projects/${encodeURIComponent(projectId)}/policy`, PolicyAnswer);

function checkCommand(policy: Command, terminal: Terminal): void {
  policy
    .command('check <file>')
    .description('check a policy file, and show its decisions for projects of this cloud')
    .option('--project <id...>', 'show the decisions for this project')
    .addHelpText(
      'after',
      '\nExample:\n  propagator policy check policy.yaml --project 4f0c1a2b3c4d',
    )
    .action(async (file: string, { project: projectIds = [] }: { project?: string[] }) => {
      // Only this command needs the code of all services.
      const { readPolicyFile } = await import('../policy-file.ts');
      const result = readPolicyFile(file);
      if (result.kind === 'invalid') {
        for (const { line, message } of result.problems)
          terminal.writeError(`${file}:${line}: ${message}\n`);
        terminal.exitCode = EXIT.error;
        return;
      }
      const { rules, suspend } = result.policy;
      const rulesText = rules.length === 1 ? '1 rule' : `${rules.length} rules`;
      terminal.write(`${file} is valid: ${rulesText}.\n`);
      terminal.write(lossText(optionsWithLoss(suspend)));
      for (const id of projectIds) {
        const facts = projectFacts((await fetchPolicyAnswer(id, terminal)).facts);
        const text = decisionsText(facts, (change) => decideChange(result.policy, change, facts));
        terminal.write(text);
      }
    });
}

function showCommand(policy: Command, terminal: Terminal): void {
  withOutputOptions(policy.command('show <project>'), 'policy show 4f0c1a2b3c4d')
    .description('show which rules of the running propagator match a project')
    .action(async (id: string, options: OutputOptions) => {
      const answer = await fetchPolicyAnswer(id, terminal);
      presentResult(terminal, answer, options, ({ facts, state, mode, changes, losses }) => {
        const text = decisionsText(projectFacts(facts), (change) => changes[change]);
        return [
          `${text}${lossText(losses)}`.trimEnd(),
          `present state: ${state}; mode of the settings: ${mode}`,
        ].join('\n');
      });
    });
}

const projectFacts = (facts: z.infer<typeof ProjectFacts>): AccountFacts => ({
  id: facts.id,
  name: facts.name,
  domainId: facts.domainId,
  domainName: facts.domainName,
  parentId: facts.parentId,
  tags: facts.tags,
});

/**
 * Returns a line for each option of the policy that makes a suspension lose a property of a
 * resource. A resume does not restore this property.
 */
const lossText = (losses: readonly { text: string; loses?: string | undefined }[]): string =>
  losses.map((option) => `  suspend.${option.text}   loses: ${option.loses}\n`).join('');

type ShownDecision = Partial<PolicyDecision> | z.infer<typeof Decision> | undefined;

function decisionsText(
  facts: AccountFacts,
  decisionOf: (change: PolicyChange) => ShownDecision,
): string {
  const { id, name, domainName, tags } = facts;
  const accountText = [
    name,
    domainName && `domain ${domainName}`,
    tags.length > 0 && tags.join(', '),
  ];
  const lines = PROJECT_CHANGES.map(
    (change) => `  ${change.padEnd(17)} ${decisionText(decisionOf(change))}`,
  );
  return `${[id, accountText.filter(Boolean).join('; ')].join('  ')}\n${lines.join('\n')}\n`;
}

function decisionText(decision: ShownDecision): string {
  if (!decision || decision.action === 'none') return `nothing (${ruleText(decision)})`;
  const { action, afterMillis, mode, profile, reconcile } = decision;
  const profileText = profile === undefined ? '' : ` with profile ${profile}`;
  const reconcileText = reconcile ? ', reconcile' : '';
  const delayText = afterMillis === undefined ? '' : `, after ${afterMillis / 1000} s`;
  const modeText = `, mode ${mode} (${ruleText(decision)})`;
  return `${action}${profileText}${reconcileText}${delayText}${modeText}`;
}

const ruleText = (decision: ShownDecision): string =>
  decision?.rule === undefined ? 'no rule matches' : `rule ${decision.rule}`;
