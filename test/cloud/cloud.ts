import { cinder } from './cinder.ts';
import { type CloudClock, realClock } from './clock.ts';
import type { Documented } from './documented.ts';
import { Faults } from './faults.ts';
import { glance } from './glance.ts';
import { keystone } from './keystone.ts';
import { grant } from './keystone-grants.ts';
import { neutron } from './neutron.ts';
import { type Notification, type NotificationListener, notification } from './notifications.ts';
import { nova } from './nova.ts';
import { defaults, type Options } from './options.ts';
import { placement } from './placement.ts';
import { hex, ResourceStore, uuid } from './resource-store.ts';
import { Seed } from './seed.ts';
import { type LoggedCall, ServiceServer } from './serve.ts';
import { type CloudState, tables } from './state.ts';
import { swift } from './swift.ts';
import { Tokens } from './tokens.ts';

export { VirtualClock } from './clock.ts';
export type { Effect, Fault, Injected } from './faults.ts';
export type { Notification } from './notifications.ts';
export type { Options } from './options.ts';
export type { Resource } from './resource-store.ts';
export type { LoggedCall } from './serve.ts';

export const serviceNames = [
  'keystone',
  'nova',
  'cinder',
  'neutron',
  'glance',
  'swift',
  'placement',
] as const;
/** A core service, or a service that the option `with` adds. */
export type CloudService = string;

export type CloudOptions = Partial<Omit<Options, 'durations'>> & {
  readonly durations?: Partial<Options['durations']>;
  readonly clock?: CloudClock;
  /** Services beyond the core: `test/cloud/documented/`. */
  readonly with?: readonly Documented[];
};

/** A stateful OpenStack on loopback, without any other network, a disk or a real cloud. */
export interface RehearsalCloud {
  /** Keystone's URL with `/v3`: `OS_AUTH_URL`. */
  readonly url: string;
  /** The administrator's login with a password, as `OS_*` variables. */
  readonly credentials: Readonly<Record<string, string>>;
  /** The administrator's login with an application credential, as `OS_*` variables. */
  readonly applicationCredentials: Readonly<Record<string, string>>;
  readonly store: ResourceStore;
  /** All tables, to read or change rows that `store` does not show. */
  readonly state: CloudState;
  readonly seed: Seed;
  readonly faults: Faults;
  /** Every call so far, in order. Empty it with `calls.length = 0`. */
  readonly calls: LoggedCall[];
  /** Listens to Keystone's notifications from now on. Returns a function that ends it. */
  onNotification(listener: NotificationListener): () => void;
  /** Refuses connections to a service until `accept`. */
  refuse(service: CloudService): Promise<void>;
  accept(service: CloudService): Promise<void>;
  /** Removes a service from Keystone, so that no catalog and no list shows it; or restores it. */
  hide(service: CloudService): void;
  unhide(service: CloudService): void;
  /** All tokens become invalid now, as after a restart of Keystone with new keys. */
  expireTokens(): void;
  close(): Promise<void>;
}

/**
 * Starts the cloud within 100 ms. It is empty except for the administrator's project and the
 * project `service` in the default domain.
 */
export async function startCloud(options: CloudOptions = {}): Promise<RehearsalCloud> {
  const clock = options.clock ?? realClock();
  const store = new ResourceStore();
  const faults = new Faults();
  const calls: LoggedCall[] = [];
  const listeners = new Set<NotificationListener>();
  const state: CloudState = {
    ...tables(store),
    store,
    clock,
    options: {
      ...defaults,
      ...options,
      durations: { ...defaults.durations, ...options.durations },
      clock,
    },
    tokens: new Tokens(),
    accounts: new Map(),
    bases: new Map(),
    hidden: new Set(),
    endpoints: new Map((options.with ?? []).map(({ name, endpoint }) => [name, endpoint])),
    documented: [],
    sideEffects: [],
    notify(eventType, about, call) {
      if (listeners.size === 0) return;
      const agent = call?.headers['user-agent'] ?? 'rehearsal';
      const initiator = call?.token && {
        token: call.token,
        userName: state.identity.users.get(call.token.userId)?.name ?? '',
        requestId: call.requestId,
        agent,
      };
      const message: Notification = notification(clock, eventType, about, initiator);
      for (const listener of listeners) listener(message, eventType);
    },
  };
  state.documented.push(...(options.with ?? []).map((service) => service.open(state)));
  const fronts = [
    ...[keystone, nova, cinder, neutron, glance, swift, placement].map((front) => front(state)),
    ...state.documented,
  ];
  const servers = new Map(
    fronts.map((front) => [front.name, new ServiceServer(front, faults, calls)]),
  );
  await Promise.all(
    [...servers].map(async ([name, server]) => {
      await server.start();
      state.bases.set(name, server.base);
    }),
  );
  const admin = addDefaults(state);
  const url = `${state.bases.get('keystone')}/v3`;
  const common = {
    OS_AUTH_URL: url,
    OS_REGION_NAME: state.options.region,
    OS_IDENTITY_API_VERSION: '3',
  };
  return {
    url,
    credentials: {
      ...common,
      OS_USERNAME: 'admin',
      OS_PASSWORD: admin.password,
      OS_PROJECT_NAME: 'admin',
      OS_USER_DOMAIN_NAME: 'Default',
      OS_PROJECT_DOMAIN_NAME: 'Default',
    },
    applicationCredentials: {
      ...common,
      OS_AUTH_TYPE: 'v3applicationcredential',
      OS_APPLICATION_CREDENTIAL_ID: admin.credential.id,
      OS_APPLICATION_CREDENTIAL_SECRET: admin.credential.secret,
    },
    store,
    state,
    seed: new Seed(state),
    faults,
    calls,
    onNotification(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    refuse: async (service) => servers.get(service)?.stop(),
    accept: async (service) => servers.get(service)?.start(),
    hide: (service) => void state.hidden.add(service),
    unhide: (service) => void state.hidden.delete(service),
    expireTokens: () => state.tokens.revoke(() => true),
    async close() {
      clock.stop();
      await Promise.all([...servers.values()].map((server) => server.stop()));
    },
  };
}

/**
 * The accounts and resources of every cloud: the default domain, the roles, the administrator, the
 * project of the services, a flavor, a volume type, a public network.
 */
function addDefaults(state: CloudState) {
  const { identity, compute, storage } = state;
  const plain = { tags: [], options: {}, description: '', enabled: true };
  identity.projects.add({
    ...plain,
    id: 'default',
    name: 'Default',
    domain_id: null,
    parent_id: null,
    is_domain: true,
  });
  const project = identity.projects.add({
    ...plain,
    id: hex(),
    name: 'admin',
    domain_id: 'default',
    parent_id: 'default',
    is_domain: false,
  });
  identity.projects.add({
    ...plain,
    id: hex(),
    name: 'service',
    domain_id: 'default',
    parent_id: 'default',
    is_domain: false,
  });
  const implied: Record<string, string[]> = { admin: ['member'], member: ['reader'] };
  for (const name of ['admin', 'member', 'reader', 'service', 'ResellerAdmin'])
    identity.roles.add({ id: hex(), name, implies: implied[name] ?? [] });
  const user = identity.users.add({
    id: hex(),
    name: 'admin',
    domain_id: 'default',
    enabled: true,
    password: `rehearsal-${hex()}`,
  });
  for (const role of identity.roles.all()) {
    if (!state.options.adminRoles.includes(role.name)) continue;
    grant(state, { role: role.id, actor: { user: user.id }, target: { project: project.id } });
    if (role.name === 'admin')
      grant(state, { role: role.id, actor: { user: user.id }, target: { domain: 'default' } });
  }
  const credential = identity.applicationCredentials.add({
    id: hex(),
    name: 'propagator',
    user_id: user.id,
    project_id: project.id,
    secret: `rehearsal-${hex()}`,
    roles: state.options.adminRoles,
  });
  compute.flavors.add({
    id: uuid(),
    name: 'm1.tiny',
    is_public: true,
    vcpus: 1,
    ram: 64,
    access: new Set(),
  });
  storage.types.add({
    id: uuid(),
    name: '__DEFAULT__',
    is_public: true,
    description: 'Default Volume Type',
    access: new Set(),
  });
  storage.groupTypes.add({
    id: uuid(),
    name: 'default_cgsnapshot_type',
    is_public: true,
    description: null,
    access: new Set(),
  });
  return { password: user.password, credential };
}
