import type { Command } from 'commander';
import * as z from 'zod';
import { type AccountFacts, decideChange, type PolicyDecision } from '../../policy/decide.ts';
import { type Policy, type PolicyChange, PROJECT_CHANGES } from '../../policy/schema.ts';
import { lossesOf } from '../../policy/suspend-options.ts';
import { type OutputOptions, presentResult, withOutputOptions } from '../format.ts';
import { reasonOption } from '../reason.ts';
import { EXIT, type Terminal } from '../terminal.ts';

const optionalText = z.string().optional();
const Facts = z.looseObject({
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
  facts: Facts,
  state: z.string(),
  mode: z.string(),
  changes: z.record(z.string(), Decision),
  losses: z.array(z.looseObject({ text: z.string(), loses: optionalText })).default([]),
});
const OpenedAnswer = z.object({ opened: z.string().nullable(), because: optionalText });

/** `project suspend` and `project resume`. */
export function projectCommands(project: Command, terminal: Terminal): void {
  const { client } = terminal;
  for (const [action, description, example] of [
    [
      'suspend',
      'suspend a project in every service, and keep it suspended even if Keystone enables it',
      'the invoice is not paid',
    ],
    [
      'resume',
      'end the hold of an operator, and resume the suspended resources',
      'the invoice is paid',
    ],
  ] as const)
    withOutputOptions(
      project.command(`${action} <project>`),
      `project ${action} 4f0c1a2b3c4d --reason "${example}"`,
    )
      .description(description)
      .requiredOption(...reasonOption('with the hold'))
      .action(async (id: string, { reason, ...options }: OutputOptions & { reason: string }) => {
        const path = `/v1/projects/${encodeURIComponent(id)}/${action}`;
        const answer = await client.post(path, { reason }, OpenedAnswer);
        presentResult(terminal, answer, options, ({ opened, because }) =>
          opened === null
            ? `No operation begins: ${because ?? 'there is nothing to do'}.`
            : `${opened} begins. Follow it: propagator operation show ${opened}`,
        );
      });
}

/** `policy check` and `policy show`. */
export function policyCommands(program: Command, terminal: Terminal): void {
  const { client } = terminal;
  const policy = program
    .command('policy')
    .description('the policy file: the action for each account change');
  const factsOf = async (id: string) =>
    client.get(`/v1/projects/${encodeURIComponent(id)}/policy`, PolicyAnswer);
  policy
    .command('check <file>')
    .description('check a policy file, and show its decisions for projects of this cloud')
    .option('--project <id...>', 'show the decisions for this project')
    .addHelpText(
      'after',
      '\nExample:\n  propagator policy check policy.yaml --project 4f0c1a2b3c4d',
    )
    .action(async (file: string, { project = [] }: { project?: string[] }) => {
      // Only this command needs the code of all services.
      const { readPolicyFile } = await import('../policy-file.ts');
      const read = readPolicyFile(file);
      if (read.kind === 'wrong') {
        for (const { line, message } of read.problems)
          terminal.writeError(`${file}:${line}: ${message}\n`);
        terminal.exitCode = EXIT.error;
        return;
      }
      const count = read.policy.rules.length;
      terminal.write(`${file} is valid: ${count === 1 ? '1 rule' : `${count} rules`}.\n`);
      terminal.write(lossLines(lossesOf(read.policy.suspend)));
      for (const id of project) {
        const { facts } = await factsOf(id);
        terminal.write(
          decisionsText(projectFacts(facts), (change) => decide(read.policy, change, facts)),
        );
      }
    });
  withOutputOptions(policy.command('show <project>'), 'policy show 4f0c1a2b3c4d')
    .description('show which rules of the running propagator match a project')
    .action(async (id: string, options: OutputOptions) => {
      const answer = await factsOf(id);
      presentResult(terminal, answer, options, ({ facts, state, mode, changes }) =>
        [
          (
            decisionsText(projectFacts(facts), (change) => changes[change]) +
            lossLines(answer.losses)
          ).trimEnd(),
          `present state: ${state}; mode of the settings: ${mode}`,
        ].join('\n'),
      );
    });
}

const projectFacts = (facts: z.infer<typeof Facts>): AccountFacts => ({
  id: facts.id,
  name: facts.name,
  domainId: facts.domainId,
  domainName: facts.domainName,
  parentId: facts.parentId,
  tags: facts.tags,
});

const decide = (policy: Policy, change: PolicyChange, facts: z.infer<typeof Facts>) =>
  decideChange(policy, change, projectFacts(facts));

/**
 * Returns a line for each option of the policy with which a suspension loses a property of a
 * resource. A resume restores all other properties.
 */
const lossLines = (chosen: readonly { text: string; loses?: string | undefined }[]): string =>
  chosen.map((option) => `  suspend.${option.text}   loses: ${option.loses}\n`).join('');

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
