import * as z from 'zod';
import { createService, type Documented, finishLater } from '../documented.ts';
import { body, type Call, param, Refusal, type Reply, Routes } from '../http.ts';
import { isoSeconds, type Row, Table, uuid } from '../resource-store.ts';
import type { CloudState } from '../state.ts';
import { isAdmin, ownProject } from '../tokens.ts';

export interface Instance extends Row {
  readonly name: string;
  readonly tenant_id: string;
  state: 'INSTANTIATED' | 'NOT_INSTANTIATED';
  /** `TERMINATING` during its termination; no answer shows it. */
  task: string | null;
  status: 'ACTIVE' | 'INACTIVE' | 'ERROR';
}
export interface Operation extends Row {
  readonly instance: string;
  readonly operation: string;
  readonly start: number;
  state: string;
}
interface Named extends Row {
  readonly name: string;
  readonly tenant_id: string;
}
interface Tables {
  readonly instances: Table<Instance>;
  readonly subscriptions: Table<Named>;
  readonly vims: Table<Named>;
  readonly operations: Table<Operation>;
  readonly packages: Table<Named>;
  /** Projects whose VIM refuses Tacker. */
  readonly locked: Set<string>;
}
const made = new WeakMap<CloudState, Tables>();
export const tablesOf = (state: CloudState): Tables => {
  const known = made.get(state);
  if (!known) throw new TypeError('this cloud has no Tacker');
  return known;
};
const owned = {
  owner: (row: { tenant_id: string }) => row.tenant_id,
  label: (row: { name: string }) => row.name,
};

/**
 * Tacker 15, VNF lifecycle management v1. Its answers are bare lists, and no row of the ETSI API
 * names its owner.
 */
export const tacker: Documented = {
  name: 'tacker',
  endpoint: { type: 'nfv-orchestration', path: '' },
  open(state) {
    const tables: Tables = {
      instances: state.store.table<Instance>('tacker.vnf-instance', owned),
      subscriptions: state.store.table<Named>('tacker.subscription', owned),
      vims: state.store.table<Named>('tacker.vim', owned),
      operations: new Table<Operation>('tacker.operation', {
        owner: () => undefined,
        label: ({ operation }) => operation,
      }),
      packages: state.store.table<Named>('tacker.vnf-package', owned),
      locked: new Set(),
    };
    made.set(state, tables);
    const routes = new Routes();
    instanceRoutes(routes, state, tables);
    operationRoutes(routes, state, tables);
    subscriptionRoutes(routes, tables);
    vimRoutes(routes, tables);
    // It accepts no tenantId, and shows none.
    routes.on('GET', '/vnfpkgm/v1/vnf_packages', (call) => {
      if (call.query.has('filter')) throw new Refusal(400, 'Rule contains invalid attribute name');
      const rows = visible(call, tables.packages.all());
      return all(
        call,
        rows.map(({ id }) => ({
          id,
          onboardingState: 'ONBOARDED',
          operationalState: 'ENABLED',
          usageState: 'NOT_IN_USE',
        })),
      );
    });
    return {
      ...createService(state, {
        name: 'tacker',
        routes,
        refuse: ({ status, message, headers }) => ({
          status,
          headers,
          json: { conflictingRequest: { code: status, message } },
        }),
      }),
      seed(project) {
        const tenant_id = project.id;
        tables.instances.add({
          id: uuid(),
          name: 'running',
          tenant_id,
          state: 'INSTANTIATED',
          task: null,
          status: 'ACTIVE',
        });
        tables.instances.add({
          id: uuid(),
          name: 'never',
          tenant_id,
          state: 'NOT_INSTANTIATED',
          task: null,
          status: 'INACTIVE',
        });
        tables.subscriptions.add({ id: uuid(), name: 'http://listener.invalid', tenant_id });
        tables.vims.add({ id: uuid(), name: 'vim', tenant_id });
      },
    };
  },
};

/**
 * `(eq,tenantId,…)` applies to rows that have this attribute. An administrator's request covers the
 * whole cloud.
 */
function filtered<T extends Row>(
  call: Call,
  rows: readonly T[],
  attributes: Readonly<Record<string, (row: T) => string>>,
): T[] {
  const rule = call.query.get('filter');
  if (rule === null) return [...rows];
  const [, name = '', value] = /^\(eq,([^,]+),([^,]+)\)$/.exec(rule) ?? [];
  const attribute = attributes[name];
  if (!attribute)
    throw new Refusal(400, `Rule '${rule}' contains invalid attribute name '${name}'`);
  return rows.filter((row) => call.unfiltered || attribute(row) === value);
}
const visible = <T extends { tenant_id: string }>(call: Call, rows: T[]): T[] =>
  rows.filter((row) => isAdmin(call.token) || row.tenant_id === ownProject(call.token));

/** Without all_records a page has 100 rows. */
const all = (call: Call, rows: readonly object[]): Reply => ({
  status: 200,
  json: call.query.get('all_records') === 'yes' ? rows : rows.slice(0, 100),
});

function instanceRoutes(
  routes: Routes,
  state: CloudState,
  { instances, operations, locked }: Tables,
): void {
  const found = (call: Call): Instance => {
    const row = instances.get(param(call, 'id'));
    if (!row || visible(call, [row]).length === 0)
      throw new Refusal(404, `Can not find requested vnf instance: ${param(call, 'id')}`);
    return row;
  };
  const conflict = (row: Instance, attribute: string, value: string | null): Refusal =>
    new Refusal(
      409,
      `Vnf instance ${row.id} in ${attribute} ${value}. Cannot do it while the vnf instance is in this state.`,
    );
  const show = ({ id, name, state: instantiationState }: Instance) => ({
    id,
    vnfInstanceName: name,
    instantiationState,
    vnfdId: uuid(),
    _links: {},
  });
  routes
    .on('GET', '/vnflcm/v1/vnf_instances', (call) => {
      const rows = filtered(call, visible(call, instances.all()), {
        tenantId: (row) => row.tenant_id,
        id: (row) => row.id,
      });
      return all(call, rows.map(show));
    })
    .on('POST', '/vnflcm/v1/vnf_instances/:id/terminate', (call) => {
      const row = found(call);
      body(call, z.object({ terminationType: z.enum(['FORCEFUL', 'GRACEFUL']) }));
      if (row.task !== null) throw conflict(row, 'task_state', row.task);
      if (row.status !== 'ACTIVE') throw conflict(row, 'status', row.status);
      row.task = 'TERMINATING';
      const operation = operations.add({
        id: uuid(),
        instance: row.id,
        operation: 'TERMINATE',
        state: 'PROCESSING',
        start: state.clock.now(),
      });
      finishLater(state, call, state.options.durations.documented, () => {
        const isLocked = locked.has(row.tenant_id);
        row.task = null;
        row.status = isLocked ? 'ERROR' : 'INACTIVE';
        operation.state = isLocked ? 'FAILED_TEMP' : 'COMPLETED';
        if (!isLocked) row.state = 'NOT_INSTANTIATED';
      });
      return {
        status: 202,
        headers: { Location: `${call.base}/vnflcm/v1/vnf_lcm_op_occs/${operation.id}` },
      };
    })
    .on('DELETE', '/vnflcm/v1/vnf_instances/:id', (call) => {
      const row = found(call);
      if (row.state !== 'NOT_INSTANTIATED') throw conflict(row, 'instantiation_state', row.state);
      if (row.task !== null) throw conflict(row, 'task_state', row.task);
      if (row.status !== 'INACTIVE') throw conflict(row, 'status', row.status);
      if (!call.endless) instances.delete(row.id);
      return { status: 204 };
    });
}

function operationRoutes(
  routes: Routes,
  state: CloudState,
  { instances, operations }: Tables,
): void {
  const failed = (call: Call): [Operation, Instance | undefined] => {
    const row = operations.get(param(call, 'id'));
    if (!row) throw new Refusal(404, 'VNF LCM NOT FOUND');
    if (row.state !== 'FAILED_TEMP')
      throw new Refusal(409, `Transitions from state ${row.state} are not allowed`);
    return [row, instances.get(row.instance)];
  };
  routes
    .on('GET', '/vnflcm/v1/vnf_lcm_op_occs', (call) => {
      const rows = filtered(call, operations.all(), { vnfInstanceId: (row) => row.instance });
      const isWhole = call.query.has('all_fields');
      return all(
        call,
        rows.map(({ id, instance, operation, state: operationState, start }) => ({
          id,
          vnfInstanceId: instance,
          operation,
          operationState,
          startTime: isoSeconds(start),
          ...(isWhole && operationState === 'FAILED_TEMP'
            ? { error: { status: 500, detail: 'The VIM refused the login' } }
            : {}),
        })),
      );
    })
    .on('POST', '/vnflcm/v1/vnf_lcm_op_occs/:id/fail', (call) => {
      const [operation, instance] = failed(call);
      operation.state = 'FAILED';
      if (instance) instance.status = instance.state === 'INSTANTIATED' ? 'ACTIVE' : 'INACTIVE';
      return { status: 200, json: { id: operation.id } };
    })
    .on('POST', '/vnflcm/v1/vnf_lcm_op_occs/:id/rollback', (call) => {
      const [operation, instance] = failed(call);
      operation.state = 'ROLLING_BACK';
      finishLater(state, call, state.options.durations.documented, () => {
        operation.state = 'ROLLED_BACK';
        if (instance) instance.status = 'INACTIVE';
      });
      return { status: 202 };
    });
}

function subscriptionRoutes(routes: Routes, { subscriptions }: Tables): void {
  routes
    .on('GET', '/vnflcm/v1/subscriptions', (call) => {
      const rows = filtered(call, visible(call, subscriptions.all()), {
        tenantId: (row) => row.tenant_id,
      });
      return all(
        call,
        rows.map(({ id, name }) => ({ id, callbackUri: name, filter: {}, _links: {} })),
      );
    })
    // Unlike all other calls here, it checks the project of the token for every caller.
    .on('DELETE', '/vnflcm/v1/subscriptions/:id', (call) => {
      const row = subscriptions.get(param(call, 'id'));
      if (row?.tenant_id !== ownProject(call.token))
        return {
          status: 404,
          json: {
            title: 'Not Found',
            status: 404,
            detail: 'Can not find requested vnf lcm subscription',
          },
        };
      if (!call.endless) subscriptions.delete(row.id);
      return { status: 204 };
    });
}

function vimRoutes(routes: Routes, { vims }: Tables): void {
  routes
    .on('GET', '/v1.0/vims', (call) => {
      const tenant = call.query.get('tenant_id');
      const rows = visible(call, vims.all()).filter(
        (row) => tenant === null || row.tenant_id === tenant,
      );
      return {
        status: 200,
        json: {
          vims: rows.map((row) => ({ ...row, type: 'openstack', auth_cred: { password: '***' } })),
        },
      };
    })
    .on('DELETE', '/v1.0/vims/:id', (call) => {
      const row = vims.get(param(call, 'id'));
      if (!row) throw new Refusal(404, `VIM ${param(call, 'id')} not found`);
      if (!call.endless) vims.delete(row.id);
      return { status: 204 };
    });
}
