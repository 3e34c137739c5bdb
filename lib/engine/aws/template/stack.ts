import type { Service } from '../../../cleanup/service.ts';
import { ownChoices } from '../../../own-services.ts';
import { SERVICES } from '../../../services/index.ts';
import { readSettings } from '../../../settings.ts';
import { topologyOf } from '../topology.ts';

/** Settings of the functions that a parameter of the same name gives. The others are of a process of one's own, or of the relay. */
export const SETTINGS = [
  'PROPAGATOR_MODE',
  'PROPAGATOR_GRACE',
  'PROPAGATOR_CONFIRM_APART',
  'PROPAGATOR_PATIENCE',
  'PROPAGATOR_PROTECTED_PROJECTS',
  'PROPAGATOR_PROTECTED_DOMAINS',
  'PROPAGATOR_MOST_OPERATIONS_AN_HOUR',
  'PROPAGATOR_MOST_THINGS',
  'PROPAGATOR_CONCURRENCY',
  'PROPAGATOR_INCLUDE_SERVICES',
  'PROPAGATOR_REMOTE_SERVICES',
  'PROPAGATOR_LOG_LEVEL',
] as const;

/** Parameters of a deployment, `npx serverless deploy --param="subnets=subnet-1,subnet-2"`, with what stands when none is given. */
export const PARAMETERS = {
  /** Where alarms go: an address that must confirm the subscription. */
  alarmEmail: '',
  /** The network in which OpenStack's APIs are reached; both or none, separated by commas. */
  subnets: '',
  securityGroups: '',
  /** ARN of a key of one's own for bus, queues, table and secret, instead of AWS's. Its policy must let the services in: docs/aws.md. */
  kmsKey: '',
  /** ARN of a secret that exists already; without, the stack makes an empty one. */
  secret: '',
  logDays: '90',
  archiveDays: '30',
  /** Without a notification or a heartbeat for so long, the source is silent. */
  silentMinutes: '30',
  /** Where the runbooks are read; alarms link them. */
  runbooks: 'docs/runbooks',
} as const;
export type Parameters = Readonly<Record<keyof typeof PARAMETERS, string>>;

/** All that the template is made from. */
export interface Stack {
  readonly stage: string;
  readonly prefix: string;
  /** What the functions are configured by, unset ones left out. */
  readonly settings: Readonly<Record<string, string>>;
  readonly parameters: Parameters;
  /** Those that hold something, and so have a queue. */
  readonly services: readonly Service[];
  /** Services of the operator's own that are asked over HTTP. */
  readonly remotes: readonly { readonly name: string; readonly url: string }[];
  readonly topology: ReturnType<typeof topologyOf>;
}

/** Throws `PropagatorError` that names a setting that is wrong: before anything is deployed. */
export function stackOf(stage: string, given: Readonly<Record<string, string>>, known: readonly Service[] = SERVICES): Stack {
  const settings = Object.fromEntries(SETTINGS.flatMap((name) => (given[name] ? [[name, given[name]]] : [])));
  const { remotes } = ownChoices(readSettings(settings), known);
  const parameters = Object.fromEntries(
    Object.entries(PARAMETERS).map(([name, standard]) => [name, given[name] || standard]),
  ) as unknown as Parameters;
  const services = known.filter(({ kinds, userKinds }) => kinds.length > 0 || userKinds.length > 0);
  const prefix = `propagator-${stage}`;
  const topology = topologyOf(
    prefix,
    [...services, ...remotes].map(({ name }) => name),
  );
  return { stage, prefix, settings, parameters, services, remotes, topology };
}
