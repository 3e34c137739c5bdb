/**
 * The official types of the service-types-authority (2025-07) with their aliases, as `official
 * alias alias …`. A catalog may use any of these types, and other types.
 */
const OFFICIAL = `
accelerator
admin-logic registration
alarm alarming
application-catalog
application-container container
application-deployment application_deployment
backup
baremetal bare-metal
baremetal-introspection
block-storage volumev3 volumev2 volume block-store
clustering resource-cluster cluster
compute
container-infrastructure-management container-infrastructure container-infra
data-processing
data-protection-orchestration
database
dns
ec2-api
event events
function-engine
identity
image
instance-ha ha
key-manager
load-balancer
log-management
message messaging
meter metering telemetry
metric-storage
monitoring
monitoring-events
monitoring-logging monitoring-log-api
multi-region-network-automation tricircle
network
nfv-orchestration
object-store
operator-policy policy
orchestration
placement
rating
reservation
resource-optimization infra-optim
root-cause-analysis rca
search
shared-file-system sharev2 share
workflow workflowv2`;

export const OFFICIAL_TYPES: readonly (readonly [type: string, ...aliases: string[]])[] =
  OFFICIAL.trim()
    .split('\n')
    .map((line) => {
      const [type = '', ...aliases] = line.split(' ');
      return [type, ...aliases];
    });

/** Types in use that the authority does not know. */
export const UNOFFICIAL_TYPES: readonly string[] = [
  'metric',
  'cloudformation',
  'account-propagation',
];

export interface Uncovered {
  readonly type: string;
  readonly project: string;
  /** The resources of projects in it, or why there are none. */
  readonly note: string;
}

/**
 * Official types for which there is no service file. If a cloud has one of them, each operation
 * reports the type.
 */
export const UNCOVERED: readonly Uncovered[] = [
  {
    type: 'admin-logic',
    project: 'Adjutant',
    note: 'tasks, tokens and notifications about a project; no API call removes them',
  },
  {
    type: 'application-catalog',
    project: 'Murano',
    note: 'retired in 2024; environments, each with a stack in Heat',
  },
  {
    type: 'application-deployment',
    project: 'Solum',
    note: 'retired in 2024; applications and assemblies, with stacks in Heat',
  },
  {
    type: 'clustering',
    project: 'Senlin',
    note: 'retired in 2024; clusters, profiles, policies, with servers in Nova and stacks in Heat',
  },
  {
    type: 'data-processing',
    project: 'Sahara',
    note: 'retired in 2024; clusters, templates, jobs, with stacks in Heat',
  },
  {
    type: 'data-protection-orchestration',
    project: 'Karbor',
    note: 'retired in 2020; plans, checkpoints, triggers',
  },
  {
    type: 'ec2-api',
    project: 'EC2-API',
    note: 'retired in 2024; its resources are in Nova, Cinder and Neutron, and it stores only their names',
  },
  { type: 'event', project: 'Panko', note: 'retired in 2022; events, which are evidence' },
  {
    type: 'function-engine',
    project: 'Qinling',
    note: 'retired in 2020; functions, jobs, webhooks',
  },
  {
    type: 'log-management',
    project: 'Venus',
    note: "retired in 2026; logs of the cloud's own services",
  },
  {
    type: 'monitoring',
    project: 'Monasca',
    note: 'retired in 2025; alarm definitions, notification methods, measurements',
  },
  { type: 'monitoring-events', project: 'Monasca', note: 'retired in 2025; events' },
  { type: 'monitoring-logging', project: 'Monasca', note: 'retired in 2025; logs' },
  {
    type: 'multi-region-network-automation',
    project: 'Tricircle',
    note: 'retired in 2020; routings between regions',
  },
  {
    type: 'operator-policy',
    project: 'Congress',
    note: 'retired in 2020; policies, which belong to the administrators',
  },
  {
    type: 'root-cause-analysis',
    project: 'Vitrage',
    note: 'alarms and templates, which belong to the administrators; webhooks of a project',
  },
  {
    type: 'search',
    project: 'Searchlight',
    note: 'retired in 2020; an index of resources of other services',
  },
];
