import { randomBytes } from 'node:crypto';
import {
  CLOUD_SECONDS,
  Row,
  rowsOf,
  type ServiceKey,
  type Session,
  text,
  until,
} from '../cloud.ts';
import { database } from './database.ts';
import { type SeedProject, stableRow } from './projects.ts';

/**
 * The resources of a project in a service of this suite, by type. Written independently of the code
 * under test: without its filters, with other tokens.
 */
export interface OptionalService {
  readonly key: ServiceKey;
  fill(seedProject: SeedProject): Promise<void>;
  /**
   * Returns all resources of the project in any state. `alive`: whether the project's member can
   * still list them.
   */
  holdings(seedProject: SeedProject, alive: boolean): Promise<Record<string, readonly Row[]>>;
}

const ofProject = (rows: readonly Row[], projectId: string): Row[] =>
  rows.filter((row) => row.project_id === projectId).map(stableRow);
const byId = (rows: readonly Row[]): Row[] =>
  [...rows].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
const sorted = (holdings: Record<string, readonly Row[]>): Record<string, readonly Row[]> =>
  Object.fromEntries(
    Object.entries(holdings).map(([resourceType, rows]) => [resourceType, byId(rows)]),
  );

const WORKFLOWS = `---
version: '2.0'
flow:
  tasks:
    one:
      action: std.noop
waits:
  tasks:
    one:
      action: std.noop
      wait-before: 86400
`;
const WORKBOOK = `---
version: '2.0'
name: book
workflows:
  inner:
    tasks:
      one:
        action: std.noop
`;
const action = (name: string): string => `---
version: '2.0'
${name}:
  base: std.echo
  base-input:
    output: loud
`;
const plain = { 'content-type': 'text/plain', accept: '*/*' };

const workflow: OptionalService = {
  key: 'workflow',
  async fill({ cloud, member, projectId, undo }) {
    const write = (session: Session, path: string, body: string) =>
      session.call('workflow', 'POST', path, { body, headers: plain });
    const add = async (session: Session, path: string, json: object): Promise<string> => {
      const reply = await session.call('workflow', 'POST', path, { json });
      const id = text(reply.json, 'id');
      return id;
    };
    const remove = (session: Session, path: string) => () =>
      session.call('workflow', 'DELETE', path, { accept: [403, 404] });
    const { json } = await write(member, '/workflows', WORKFLOWS).then((reply) => ({
      json: Row.parse(JSON.parse(reply.body)),
    }));
    const flows = rowsOf(json, 'workflows');
    const flow = text(flows.find((row) => row.name === 'flow') ?? {}, 'id');
    for (const row of flows) undo.push(remove(member, `/workflows/${text(row, 'id')}`));
    await write(member, '/workbooks?namespace=apart', WORKBOOK);
    undo.push(
      remove(member, '/workbooks/book?namespace=apart'),
      remove(member, '/workflows/book.inner?namespace=apart'),
    );
    await write(member, '/actions', action('shout'));
    await write(member, '/actions?namespace=apart', action('whisper'));
    undo.push(remove(member, '/actions/shout'), remove(member, '/actions/whisper?namespace=apart'));
    await add(member, '/environments', { name: 'settings', variables: '{"size": 1}' });
    undo.push(remove(member, '/environments/settings'));
    for (const name of ['flow', 'waits']) {
      const id = await add(member, '/executions', { workflow_name: name });
      undo.push(remove(member, `/executions/${id}?force=true`));
    }
    await add(member, '/action_executions', {
      name: 'std.echo',
      input: '{"output": "x"}',
      params: '{"save_result": true}',
    });
    const cron = await add(member, '/cron_triggers', {
      name: 'yearly',
      pattern: '0 0 1 1 *',
      workflow_id: flow,
    });
    const event = {
      exchange: 'kp-beside',
      topic: `t-${randomBytes(3).toString('hex')}`,
      event: 'compute.instance.create.end',
      workflow_id: flow,
    };
    const trigger = await add(member, '/event_triggers', { name: 'on-create', ...event });
    undo.push(
      remove(member, `/cron_triggers/${cron}`),
      remove(member, `/event_triggers/${trigger}`),
    );
    // Only an administrator may add code.
    const admin = await cloud.adminSessionWith({ project: { id: projectId } });
    // As an administrator Mistral searches the name in all projects, so that no two have the same.
    const code = `own-${randomBytes(3).toString('hex')}`;
    const source = await write(
      admin,
      `/code_sources?name=${code}`,
      'from mistral_lib import actions\nclass Own(actions.Action):\n  def run(self, context):\n    return 1\n',
    );
    undo.push(remove(admin, `/code_sources/${text(JSON.parse(source.body), 'id')}`));
    await add(admin, '/dynamic_actions', {
      name: 'own-code',
      class_name: 'Own',
      code_source_name: code,
    });
    await until('Mistral ends a workflow and an action', CLOUD_SECONDS, async () => {
      const states = [
        ...(await member.rows('workflow', '/executions?workflow_name=flow', 'executions')),
        ...(await member.rows('workflow', '/action_executions', 'action_executions')),
      ].map((row) => text(row, 'state'));
      return states.length >= 3 && states.every((state) => state === 'SUCCESS') ? true : undefined;
    });
  },
  async holdings({ cloud, member, projectId }, alive) {
    const everybodys = [
      'cron_triggers',
      'event_triggers',
      'executions',
      'workflows',
      'code_sources',
      'dynamic_actions',
    ];
    const own = ['workbooks', 'environments', 'action_executions'];
    const found: Record<string, Row[]> = {};
    for (const resourceType of everybodys)
      found[resourceType] = ofProject(
        await cloud.admin.rows('workflow', `/${resourceType}?all_projects=true`, resourceType),
        projectId,
      );
    if (!alive) return sorted(found);
    for (const resourceType of own)
      found[resourceType] = ofProject(
        await member.rows('workflow', `/${resourceType}`, resourceType),
        projectId,
      );
    for (const namespace of ['', 'apart'])
      found[`actions ${namespace}`] = ofProject(
        await member.rows('workflow', `/actions?namespace=${namespace}`, 'actions'),
        projectId,
      );
    return sorted(found);
  },
};

const alarm: OptionalService = {
  key: 'alarm',
  async fill({ cloud, member, undo }) {
    for (const [name, url] of Object.entries({
      up: 'http://127.0.0.1:9/up',
      down: 'http://127.0.0.1:9/down',
      trusted: 'trust+http://127.0.0.1:9/',
    })) {
      const event_rule = { event_type: 'compute.instance.update' };
      const { json } = await member.call('alarm', 'POST', '/alarms', {
        json: { name, type: 'event', event_rule, alarm_actions: [url] },
      });
      undo.push(() =>
        cloud.admin.call('alarm', 'DELETE', `/alarms/${text(json, 'alarm_id')}`, { accept: [404] }),
      );
    }
  },
  async holdings({ cloud, projectId }) {
    const { json } = await cloud.admin.call(
      'alarm',
      'GET',
      '/alarms?q.field=all_projects&q.op=eq&q.value=true',
    );
    return sorted({ alarms: ofProject(rowsOf({ json }, 'json'), projectId) });
  },
};

const client = { 'client-id': '3381af92-2b9e-11e3-b191-71861300734c' };
const QUEUES = Array.from({ length: 23 }, (_, n) => `queue-${n}`);

const message: OptionalService = {
  key: 'message',
  async fill({ member, undo }) {
    for (const name of QUEUES) {
      await member.call('message', 'PUT', `/queues/${name}`, {
        json: { purpose: name },
        headers: client,
      });
      undo.push(() =>
        member.call('message', 'DELETE', `/queues/${name}`, { headers: client, accept: [401] }),
      );
    }
    for (const subscriber of ['http://127.0.0.1:9/a', 'trust+http://127.0.0.1:9/b'])
      await member.call('message', 'POST', '/queues/queue-0/subscriptions', {
        json: { subscriber, ttl: 600 },
        headers: client,
      });
  },
  async holdings({ member }, alive) {
    if (!alive) return {};
    const queues: Row[] = [];
    for (let marker = ''; ; ) {
      const { json } = await member.call(
        'message',
        'GET',
        `/queues?limit=7&detailed=true${marker && `&marker=${marker}`}`,
        {
          headers: client,
        },
      );
      const page = rowsOf(json, 'queues');
      queues.push(...page.map(stableRow));
      if (page.length === 0) break;
      marker = text(page.at(-1), 'name');
    }
    const { json } = await member.call('message', 'GET', '/queues/queue-0/subscriptions', {
      headers: client,
    });
    return sorted({ queues, subscriptions: rowsOf(json, 'subscriptions').map(stableRow) });
  },
};

const ironicVersion = { 'x-openstack-ironic-api-version': '1.65' };

const baremetal: OptionalService = {
  key: 'baremetal',
  async fill({ cloud, projectId, undo }) {
    const system = await cloud.adminSessionWith({ system: { all: true } });
    const call = (method: string, path: string, json?: object) =>
      system.call('baremetal', method, path, { headers: ironicVersion, ...(json && { json }) });
    const tag = randomBytes(3).toString('hex');
    const node = async (name: string, more: object): Promise<string> => {
      const { json } = await call('POST', '/nodes', {
        driver: 'fake-hardware',
        name: `${name}-${tag}`,
        resource_class: tag,
        ...more,
      });
      const id = text(json, 'uuid');
      undo.push(() => call('DELETE', `/nodes/${id}`));
      return id;
    };
    await node('theirs', { owner: projectId });
    const leased = await node('on-lease', { lessee: projectId });
    for (const [target, state] of [
      ['manage', 'manageable'],
      ['provide', 'available'],
    ]) {
      await call('PUT', `/nodes/${leased}/states/provision`, { target });
      await until(`the node is ${state}`, CLOUD_SECONDS, async () => {
        const { json } = await call('GET', `/nodes/${leased}`);
        return text(json, 'provision_state') === state && Row.parse(json).reservation === null
          ? true
          : undefined;
      });
    }
    const wish = await call('POST', '/allocations', {
      name: `wish-${tag}`,
      resource_class: `${tag}-none`,
      owner: projectId,
    });
    const id = text(wish.json, 'uuid');
    undo.push(() =>
      system.call('baremetal', 'DELETE', `/allocations/${id}`, {
        headers: ironicVersion,
        accept: [404],
      }),
    );
    await until('the allocation has failed', CLOUD_SECONDS, async () => {
      const { json } = await call('GET', `/allocations/${id}`);
      return text(json, 'state') === 'error' ? true : undefined;
    });
  },
  async holdings({ cloud, projectId }) {
    const system = await cloud.adminSessionWith({ system: { all: true } });
    const nodes = await system.rows('baremetal', '/nodes/detail', 'nodes', ironicVersion);
    const allocations = await system.rows(
      'baremetal',
      '/allocations',
      'allocations',
      ironicVersion,
    );
    return sorted({
      leases: nodes.filter((row) => row.lessee === projectId).map(stableRow),
      nodes: nodes.filter((row) => row.owner === projectId).map(stableRow),
      allocations: allocations.filter((row) => row.owner === projectId).map(stableRow),
    });
  },
};

export const OPTIONAL_SERVICES: Readonly<Record<string, OptionalService>> = {
  mistral: workflow,
  aodh: alarm,
  zaqar: message,
  ironic: baremetal,
  trove: database,
};
