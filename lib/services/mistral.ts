import { defineService, defineType, type Removal } from '../task/service.ts';
import { hasStatus } from './kit/errors.ts';
import { codeSource, dynamicAction } from './mistral/code.ts';
import { action, workflow } from './mistral/definitions.ts';
import { environment, workbook } from './mistral/named.ts';
import { removeAndVerify } from './mistral/removal.ts';
import {
  listAll,
  listEventTriggers,
  listEventTriggersAgain,
  preferredApi,
  requiresLiveProject,
  rowsOfProject,
} from './mistral/rows.ts';

/**
 * Cron triggers. They are removed first, because the triggers of a deleted project continue to
 * fire, and each run fails without the trust of the trigger. Mistral also tries to remove the
 * trust, and ignores a failure.
 */
const cronTrigger = defineType({
  name: 'cron-trigger',
  list: (context) =>
    listAll(preferredApi(context), 'cron_triggers', { project_id: context.project }),
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  async remove(row, context) {
    await preferredApi(context).request(
      'DELETE',
      `/v2/cron_triggers/${encodeURIComponent(row.id)}`,
    );
    return { kind: 'gone' };
  },
});

const eventTrigger = defineType({
  name: 'event-trigger',
  list: listEventTriggers,
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  remove: (row, context) =>
    removeAndVerify(row, context, 'event_triggers', () => listEventTriggersAgain(context)),
});

/** Executions with their tasks and nested executions. `force` also deletes running executions. */
const execution = defineType({
  name: 'execution',
  dependsOn: [{ types: ['cron-trigger', 'event-trigger'], strength: 'preferred', until: 'done' }],
  list: (context) => listAll(preferredApi(context), 'executions', { project_id: context.project }),
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.state ?? undefined,
  async remove(row, context) {
    await preferredApi(context).request('DELETE', `/v2/executions/${encodeURIComponent(row.id)}`, {
      query: { force: true },
    });
    return { kind: 'gone' };
  },
});

/**
 * Action executions without a workflow. Mistral removes other action executions with their
 * execution.
 */
const actionExecution = defineType({
  name: 'action-execution',
  requiresLiveProject: {
    ...requiresLiveProject,
    leftover: 'results of actions that ran without a workflow',
    advice:
      'They run nothing. Delete the rows of the project from action_executions_v2 in the ' +
      'Mistral database.',
  },
  dependsOn: [{ types: ['execution'], strength: 'preferred', until: 'done' }],
  blockers: ['The propagator keeps an action execution while its action is still running.'],
  async list({ api, project }) {
    const rows = await listAll(api, 'action_executions');
    return rowsOfProject(rows, project).filter(
      (row) => (row.task_execution_id ?? undefined) === undefined,
    );
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: ({ state }) =>
    ['SUCCESS', 'ERROR', 'CANCELLED'].includes(state ?? '')
      ? undefined
      : { message: 'the action is still running', actor: 'none' },
  async remove(row, { api }): Promise<Removal> {
    try {
      await api.request('DELETE', `/v2/action_executions/${encodeURIComponent(row.id)}`);
    } catch (error) {
      if (!hasStatus(error, 403) || !/deletion is not allowed/.test(error.message)) throw error;
      return {
        kind: 'retained',
        message:
          'this Mistral does not delete the results of actions without a workflow ([api] ' +
          'allow_action_execution_deletion is off)',
        advice:
          'If the results must not be kept, set [api] allow_action_execution_deletion = ' +
          'true. Mistral expires only workflow executions ' +
          '([execution_expiration_policy]).',
      };
    }
    return { kind: 'gone' };
  },
});

/**
 * Mistral, Workflow API v2. Mistral removes many resources only with a token on the project. If the
 * project still exists, the cleanup therefore begins in phase `pre-delete`. Mistral's cleanup runs
 * after Heat's, because Heat removes the Mistral resources of its stacks. It runs before those of
 * the services in which triggers may create resources.
 */
export const mistral = defineService({
  name: 'mistral',
  catalogTypes: ['workflow', 'workflowv2'],
  dependsOn: [{ services: ['heat', 'aodh'], strength: 'preferred', until: 'done' }],
  dependents: [
    {
      services: [
        'nova',
        'neutron',
        'cinder',
        'glance',
        'swift',
        'octavia',
        'designate',
        'manila',
        'trove',
        'zun',
        'barbican',
        'zaqar',
      ],
      strength: 'preferred',
      until: 'done',
    },
  ],
  releases: [
    'All: Mistral deletes environments and workbooks by name, and would also delete ' +
      'a public resource of another project with the same name. The propagator keeps ' +
      'a resource with such a name and reports it.',
    'All: the propagator finds an action in a namespace only if the project has a ' +
      'workflow or a workbook in that namespace.',
    'Before 2026.1, event triggers, code sources and dynamic actions of a deleted ' +
      'project are not removed. They have no effect.',
    'From 2026.2 on, Mistral cannot list more environments or workbooks than [api] max_limit. If ' +
      'the cloud has more, increase the limit.',
  ],
  resourceTypes: [
    cronTrigger,
    eventTrigger,
    execution,
    actionExecution,
    action,
    workflow,
    workbook,
    environment,
    dynamicAction,
    codeSource,
  ],
  leftBySuspend: [
    {
      types: ['cron-trigger', 'event-trigger'],
      because:
        'Mistral cannot pause a trigger. While the project is disabled, Keystone refuses the ' +
        'trust of the trigger, and each run of the trigger fails.',
      warns: {
        message:
          'while the project is disabled, each run of a cron trigger fails, but Mistral counts ' +
          'the run, and removes the trigger after the last run',
        advice:
          'After the resume, ask the owner to check the remaining executions of each trigger ' +
          '(openstack cron trigger list).',
      },
    },
    {
      types: ['execution', 'action-execution'],
      because: 'Its calls fail, because Keystone gives no token on a disabled project.',
    },
    {
      types: ['action', 'workflow', 'workbook', 'environment', 'dynamic-action', 'code-source'],
      because: 'It is a definition and runs nothing.',
    },
  ],
});
