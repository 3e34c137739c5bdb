import type { Resource, Resources } from './cloudformation.ts';
import { functionsOf } from './functions.ts';
import type { Stack } from './stack.ts';

/**
 * Limits of AWS. AWS checks them only during a deployment, and its error names no parameter. The
 * template therefore checks them before the deployment.
 */
const MOST = {
  /** The names and values of all variables of a function. */
  environmentBytes: 4096,
  /** The inline policies of one role, without white space. */
  policyCharacters: 10_240,
  resources: 500,
} as const;
/**
 * The number of resources that osls adds. For each function these are the function, its log group
 * and its event source mapping. Once, these are the API, the bucket and the sweep's schedules.
 */
const ADDED = { perFunction: 3, once: 16 } as const;
/**
 * The longest possible start of a queue's ARN, because partition, region and account are unknown
 * before the deployment.
 */
const ARN_OF_A_QUEUE = 'arn:aws-us-gov:sqs:ap-southeast-5:123456789012:';
const ANY_ARN = 'x'.repeat(160);

/** Throws an error that names the AWS limit that the stack would exceed, and the remedy. */
export function checkLimits(
  stack: Stack,
  resources: Resources,
  environments: readonly Readonly<Record<string, unknown>>[],
): void {
  const functions = functionsOf(stack);
  for (const environment of environments) {
    const bytes = Object.entries(environment).reduce(
      (sum, [name, value]) => sum + Buffer.byteLength(name + textOf(value)),
      0,
    );
    if (bytes > MOST.environmentBytes)
      throw new Error(
        `The settings have ${bytes} bytes, and Lambda permits ${MOST.environmentBytes}. ` +
          `Shorten the longest setting: ${longest(environment)}.`,
      );
  }
  for (const [id, role] of Object.entries(resources).filter(
    ([, { Type }]) => Type === 'AWS::IAM::Role',
  )) {
    const characters = policiesOfRole(role, resources).length;
    if (characters > MOST.policyCharacters)
      throw new Error(
        `The permissions of ${id} have ${characters} characters, and IAM permits ` +
          `${MOST.policyCharacters}: choose a shorter stage, or fewer HTTP plug-ins`,
      );
  }
  const count = Object.keys(resources).length + ADDED.perFunction * functions.length + ADDED.once;
  if (count > MOST.resources)
    throw new Error(
      `The stack has ${count} resources, and CloudFormation permits ${MOST.resources}: ` +
        'choose fewer HTTP plug-ins',
    );
}

/** Returns the policies of a role in the form that IAM counts. */
export const policiesOfRole = (
  { Properties: { Policies } }: Resource,
  resources: Resources,
): string =>
  JSON.stringify(Policies, (_, value: unknown) => {
    const [id] = idsIn(value);
    if (id === undefined) return value;
    const name = resources[id]?.Properties.QueueName;
    return typeof name === 'string' ? ARN_OF_A_QUEUE + name : ANY_ARN;
  });

function idsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null || !('Fn::GetAtt' in value)) return [];
  const { 'Fn::GetAtt': attribute } = value;
  return Array.isArray(attribute) ? [String(attribute[0])] : [];
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : ANY_ARN);
const longest = (environment: Readonly<Record<string, unknown>>): string =>
  Object.entries(environment).toSorted(
    ([, one], [, other]) => textOf(other).length - textOf(one).length,
  )[0]?.[0] ?? '';
