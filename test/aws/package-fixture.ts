import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { SERVICES } from '../../lib/services/index.ts';

export const ROOT = join(import.meta.dirname, '../..');
const Template = z.object({
  Resources: z.record(
    z.string(),
    z.looseObject({ Type: z.string(), Properties: z.looseObject({}) }),
  ),
  Outputs: z.record(z.string(), z.unknown()),
});
type Resources = z.infer<typeof Template>['Resources'];
export type Properties = Record<string, unknown>;

/**
 * The output of `npx serverless package`. The command needs no account and, if the machine allows
 * it, gets no network.
 */
export function packaged(...more: string[]): {
  resources: Resources;
  outputs: object;
  text: string;
  zips: Record<string, string>;
  sources: string[];
} {
  const folder = mkdtempSync(join(tmpdir(), 'propagator-package-'));
  const command = [
    join(ROOT, 'node_modules/.bin/serverless'),
    'package',
    '--stage',
    'test',
    '--package',
    folder,
    ...more,
  ];
  const alone = canBeAlone() ? ['unshare', '--map-root-user', '--net', ...command] : command;
  const [program = '', ...args] = alone;
  const env = { PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`, HOME: folder };
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: ROOT, env, encoding: 'utf8' });
  if (status !== 0) {
    rmSync(folder, { recursive: true });
    throw new Error(`${stdout}${stderr}`);
  }
  const text = readFileSync(join(folder, 'cloudformation-template-update-stack.json'), 'utf8');
  const { Resources, Outputs } = Template.parse(JSON.parse(text));
  const made = join(folder, 'functions');
  const zips = readdirSync(made).map((name) => [
    name,
    createHash('sha256')
      .update(readFileSync(join(made, name)))
      .digest('hex'),
  ]);
  const { sources } = sourcesIn(join(made, 'service-glance.zip'), folder);
  rmSync(folder, { recursive: true });
  return { resources: Resources, outputs: Outputs, text, zips: Object.fromEntries(zips), sources };
}
/** The files in the bundle of one function. */
function sourcesIn(zip: string, folder: string): { sources: string[] } {
  execFileSync('python3', ['-m', 'zipfile', '-e', zip, folder]);
  return z
    .object({ sources: z.array(z.string()) })
    .parse(JSON.parse(readFileSync(join(folder, 'index.mjs.map'), 'utf8')));
}
function canBeAlone(): boolean {
  try {
    execFileSync('unshare', ['--map-root-user', '--net', 'true'], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

/** The package without parameters. */
export let stack: ReturnType<typeof packaged>;

/** Packages the stack once for all tests of the file. */
export function withPackage(): void {
  beforeAll(() => {
    stack = packaged();
  });
}

export const ofType = (type: string, { resources } = stack): [string, Properties][] =>
  Object.entries(resources)
    .filter(([, resource]) => resource.Type === type)
    .map(([id, resource]) => [id, resource.Properties]);
export const get = (id: unknown, { resources } = stack): Properties => {
  const found = resources[String(id)];
  if (!found) throw new Error(`there is no ${id} in the template`);
  return found.Properties;
};
/** The resource that `Fn::GetAtt` or `Ref` names. */
export const named = (value: unknown): string => {
  const { Ref, 'Fn::GetAtt': attribute } = z
    .object({
      Ref: z.string().optional(),
      'Fn::GetAtt': z.tuple([z.string(), z.string()]).optional(),
    })
    .parse(value);
  return Ref ?? attribute?.[0] ?? '';
};

/** Services with resources: each has a queue, a function and their parts. */
export const services = SERVICES.filter(
  ({ resourceTypes, userResourceTypes }) => resourceTypes.length + userResourceTypes.length > 0,
).map(({ name }) => name as string);
export const sqsFunctions = ['ingest', 'coordinate', ...services.map((name) => `service-${name}`)];

/** All resources of one queue, found by its name. */
export function partsOf(queue: string, from = stack) {
  const byName = (type: string, field: string, name: string) => {
    const found = ofType(type, from).find(([, properties]) => properties[field] === name);
    if (!found) throw new Error(`${type} ${name} is missing`);
    return { id: found[0], properties: found[1] };
  };
  const source = byName('AWS::SQS::Queue', 'QueueName', `propagator-test-${queue}`);
  const dead = byName('AWS::SQS::Queue', 'QueueName', `propagator-test-${queue}-dead`);
  const lambda = byName('AWS::Lambda::Function', 'FunctionName', `propagator-test-${queue}`);
  const mapping = ofType('AWS::Lambda::EventSourceMapping', from).find(
    ([, { EventSourceArn }]) => named(EventSourceArn) === source.id,
  )?.[1];
  return {
    source,
    dead,
    lambda,
    mapping: mapping ?? {},
    role: get(named(lambda.properties.Role), from),
  };
}
export const Statement = z.object({
  Effect: z.literal('Allow'),
  Action: z.array(z.string()),
  Resource: z.unknown(),
  Condition: z.unknown().optional(),
});
export const statementsOf = (role: Properties) =>
  z
    .array(z.object({ PolicyDocument: z.object({ Statement: z.array(Statement) }) }))
    .parse(role.Policies)
    .flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);

/**
 * The dependencies of a resource, as CloudFormation finds them: `Ref`, `Fn::GetAtt`, names within
 * `Fn::Sub`, `DependsOn`.
 */
function needsOf(resource: unknown): string[] {
  const found: string[] = [];
  JSON.stringify(resource, (key, value: unknown) => {
    if (key === 'Ref') found.push(String(value));
    if (key === 'Fn::GetAtt') found.push(String(list(value)[0]));
    if (key === 'DependsOn') found.push(...list(value).map(String));
    if (key === 'Fn::Sub')
      for (const [, name] of String(list(value)[0]).matchAll(/\$\{([A-Za-z0-9:]+)/g))
        found.push(String(name));
    return value;
  });
  return found.filter((name) => !name.startsWith('AWS::'));
}
/**
 * Returns the order in which CloudFormation can create the resources. Throws if a resource is
 * missing or waits for itself.
 */
export function inOrder(resources: Resources): string[] {
  const made = new Set<string>();
  const make = (id: string, way: readonly string[]): void => {
    if (way.includes(id)) throw new Error(`circular: ${[...way, id].join(' → ')}`);
    if (made.has(id)) return;
    if (!resources[id]) throw new Error(`${way.at(-1)} needs ${id}, which is not there`);
    for (const need of needsOf(resources[id])) make(need, [...way, id]);
    made.add(id);
  };
  for (const id of Object.keys(resources)) make(id, []);
  return [...made];
}
