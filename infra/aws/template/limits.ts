import type { Resource, Resources } from './cloudformation.ts';
import { functionsOf } from './functions.ts';
import type { Stack } from './stack.ts';

/**
 * Limits of AWS. AWS checks them only during a deployment, and its error names no parameter. The
 * packaging of the stack therefore checks them.
 */
const LIMITS = {
  /** The size of the names and values of all variables of a function. */
  environmentBytes: 4096,
  /** The size of the inline policies of one role, without white space. */
  policyCharacters: 10_240,
  resources: 500,
} as const;
/**
 * The number of resources that the Serverless Framework adds. `perFunction`: the function, its log
 * group and its event source mapping. `perStack`: the API, the deployment bucket and the schedules
 * of the sweep.
 */
const ADDED_RESOURCES = { perFunction: 3, perStack: 16 } as const;
/**
 * The longest possible start of a queue's ARN. The partition, the region and the account are
 * unknown before the deployment.
 */
const START_OF_QUEUE_ARN = 'arn:aws-us-gov:sqs:ap-southeast-5:123456789012:';
/** Takes the place of an unknown ARN of another resource. */
const LONG_ARN = 'x'.repeat(160);

/** Throws an error that names the AWS limit that the stack would exceed, and the remedy. */
export function checkLimits(
  stack: Stack,
  resources: Resources,
  environments: readonly Readonly<Record<string, unknown>>[],
): void {
  environments.forEach(checkEnvironment);
  for (const [id, resource] of Object.entries(resources))
    if (resource.Type === 'AWS::IAM::Role') checkPolicies(id, resource, resources);
  checkResourceCount(stack, resources);
}

function checkEnvironment(environment: Readonly<Record<string, unknown>>): void {
  const bytes = Object.entries(environment).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name + textOf(value)),
    0,
  );
  if (bytes > LIMITS.environmentBytes)
    throw new Error(
      `The settings have ${bytes} bytes, and Lambda permits ${LIMITS.environmentBytes}. ` +
        `Shorten the longest setting: ${longestVariable(environment)}.`,
    );
}

function checkPolicies(id: string, role: Resource, resources: Resources): void {
  const characters = policiesOfRole(role, resources).length;
  if (characters > LIMITS.policyCharacters)
    throw new Error(
      `The permissions of ${id} have ${characters} characters, and IAM permits ` +
        `${LIMITS.policyCharacters}: choose a shorter stage, or fewer HTTP plugins`,
    );
}

function checkResourceCount(stack: Stack, resources: Resources): void {
  const { perFunction, perStack } = ADDED_RESOURCES;
  const count = Object.keys(resources).length + perFunction * functionsOf(stack).length + perStack;
  if (count > LIMITS.resources)
    throw new Error(
      `The stack has ${count} resources, and CloudFormation permits ${LIMITS.resources}: ` +
        'choose fewer HTTP plugins',
    );
}

/** Returns the policies of a role as text of the maximum length that IAM can count. */
export const policiesOfRole = (
  { Properties: { Policies } }: Resource,
  resources: Resources,
): string =>
  JSON.stringify(Policies, (_, value: unknown) => {
    const id = referencedId(value);
    if (id === undefined) return value;
    const name = resources[id]?.Properties.QueueName;
    return typeof name === 'string' ? START_OF_QUEUE_ARN + name : LONG_ARN;
  });

/** Returns the logical id in a `Fn::GetAtt`; `undefined` for any other value. */
function referencedId(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('Fn::GetAtt' in value)) return undefined;
  const { 'Fn::GetAtt': attribute } = value;
  return Array.isArray(attribute) ? String(attribute[0]) : undefined;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : LONG_ARN);
/** Returns the name of the variable with the longest value. */
const longestVariable = (environment: Readonly<Record<string, unknown>>): string =>
  Object.entries(environment).toSorted(
    ([, one], [, other]) => textOf(other).length - textOf(one).length,
  )[0]?.[0] ?? '';
