// npm run aws:lint: checks the packaged template with cfn-lint and checkov. At the first run, and
// after each change of requirements.txt, this program installs both from PyPI into the folder
// .lint. baseline.json names each accepted rule, with the reason. The exit code is 1 if there is a
// finding of a rule that is not accepted, or if an accepted rule has no findings.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';

const HERE = import.meta.dirname;
const ROOT = join(HERE, '../../..');
const VENV = join(HERE, '.lint');
const TEMPLATE = 'cloudformation-template-update-stack.json';
/** With these parameters, the template also has the resources for a KMS key and for emails. */
const PARAMETERS = ['kmsKey=arn:aws:kms:eu-central-1:123456789012:key/k', 'alarmEmail=a@b.example'];

export interface Finding {
  readonly rule: string;
  readonly resource: string;
  readonly message: string;
}
/** Accepted rules of one tool, each with the reason. */
export type Baseline = Readonly<Record<string, string>>;

/**
 * Returns the lines to print for one tool: findings that are not in the baseline, and outdated
 * entries of the baseline.
 */
export function linesToReport(
  tool: string,
  findings: readonly Finding[],
  baseline: Baseline,
): string[] {
  const foundRules = new Set(findings.map(({ rule }) => rule));
  return [
    ...findings
      .filter(({ rule }) => !(rule in baseline))
      .map(({ rule, resource, message }) => `${tool} ${rule} ${resource}: ${message}`),
    ...Object.keys(baseline)
      .filter((rule) => !foundRules.has(rule))
      .map((rule) => `${tool} ${rule} has no findings: remove it from baseline.json`),
  ];
}

function installTools(): void {
  const requirementsFile = join(HERE, 'requirements.txt');
  const requirements = readFileSync(requirementsFile, 'utf8');
  // This file has the requirements of the last complete installation.
  const installedFile = join(VENV, 'installed');
  if (existsSync(installedFile) && readFileSync(installedFile, 'utf8') === requirements) return;
  rmSync(VENV, { recursive: true, force: true });
  execFileSync('python3', ['-m', 'venv', VENV], { stdio: 'inherit' });
  const pip = [
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--requirement',
    requirementsFile,
  ];
  execFileSync(join(VENV, 'bin/pip'), pip, { stdio: 'inherit' });
  writeFileSync(installedFile, requirements);
}

const runTool = (tool: string, args: readonly string[]): unknown => {
  const { stdout, stderr, error } = spawnSync(join(VENV, 'bin', tool), args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error) throw error;
  if (stdout.trim() === '') throw new Error(`${tool} printed nothing:\n${stderr}`);
  return JSON.parse(stdout);
};

const CfnLint = z.array(
  z.object({
    Rule: z.object({ Id: z.string() }),
    Message: z.string(),
    Location: z.object({ Path: z.array(z.union([z.string(), z.number()])).nullable() }),
  }),
);
const cfnLint = (template: string): Finding[] =>
  CfnLint.parse(runTool('cfn-lint', ['--format', 'json', template])).map(
    ({ Rule, Message, Location }) => ({
      rule: Rule.Id,
      resource: String(Location.Path?.[1] ?? ''),
      message: Message,
    }),
  );

const Checkov = z.object({
  results: z.object({
    failed_checks: z.array(
      z.object({ check_id: z.string(), check_name: z.string(), resource: z.string() }),
    ),
  }),
  summary: z.object({ parsing_errors: z.literal(0), passed: z.number().min(100) }),
});
const checkov = (template: string): Finding[] =>
  Checkov.parse(
    runTool('checkov', ['-f', template, '--framework', 'cloudformation', '--quiet', '-o', 'json']),
  ).results.failed_checks.map(({ check_id, check_name, resource }) => ({
    rule: check_id,
    resource,
    message: check_name,
  }));

const Baselines = z.object({
  'cfn-lint': z.record(z.string(), z.string().min(20)),
  checkov: z.record(z.string(), z.string().min(20)),
});

function main(): void {
  const baseline = Baselines.parse(JSON.parse(readFileSync(join(HERE, 'baseline.json'), 'utf8')));
  installTools();
  const folder = mkdtempSync(join(tmpdir(), 'propagator-lint-'));
  try {
    const parameters = PARAMETERS.map((one) => `--param=${one}`);
    const args = ['package', '--stage', 'lint', '--package', folder, ...parameters];
    execFileSync(join(ROOT, 'node_modules/.bin/serverless'), args, { cwd: ROOT, stdio: 'pipe' });
    const template = join(folder, TEMPLATE);
    const lines = [
      ...linesToReport('cfn-lint', cfnLint(template), baseline['cfn-lint']),
      ...linesToReport('checkov', checkov(template), baseline.checkov),
    ];
    process.stdout.write(lines.map((line) => `${line}\n`).join('') || 'No finding.\n');
    process.exitCode = lines.length > 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (import.meta.main) main();
