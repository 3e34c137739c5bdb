import { ProjectId, UserId } from '../../events/ids.ts';
import { Confirmation } from '../../lib/cleanup/laws.ts';
import { cleanupPass, freshOnce, type PassReport } from '../../lib/cleanup/pass.ts';
import type { Reach, Service } from '../../lib/cleanup/service.ts';
import type { Cloud } from '../../lib/openstack/cloud.ts';
import { connectCloud } from '../../lib/openstack/connect.ts';
import { readCredentials } from '../../lib/openstack/credentials.ts';
import { keystone } from '../../lib/services/keystone.ts';
import { type CloudOptions, type RehearsalCloud, startCloud } from '../cloud/cloud.ts';
import type { Filled, SizeName } from '../cloud/seed.ts';

/** A rehearsal cloud with a customer's project and a bystander's of the same contents, and the client that empties the first. */
export class Stage {
  readonly rehearsal: RehearsalCloud;
  readonly cloud: Cloud;
  readonly customer: Filled;
  readonly project: ProjectId;
  readonly bystander: Filled;
  /** The services that the one under test may ask about its things, beside itself; none by default. */
  others: readonly Service[] = [];
  #before: string;

  private constructor(rehearsal: RehearsalCloud, cloud: Cloud, size: SizeName) {
    this.rehearsal = rehearsal;
    this.cloud = cloud;
    const { seed } = rehearsal;
    this.customer = seed.fill(seed.makeProject(seed.makeDomain('customer'), 'production'), size);
    this.project = ProjectId.parse(this.customer.project.id);
    const [bystander] = seed.bystanders(size, ['production']);
    if (!bystander) throw new TypeError('a stage needs a bystander');
    this.bystander = bystander;
    this.#before = this.#bystanders();
  }

  static async open(options: CloudOptions = {}, size: SizeName = 'small'): Promise<Stage> {
    const rehearsal = await startCloud(options);
    const env = rehearsal.credentials;
    const cloud = connectCloud(readCredentials({ env, readFile: () => undefined, home: '/nowhere', cwd: '/nowhere' }));
    return new Stage(rehearsal, cloud, size);
  }

  async close(): Promise<void> {
    await this.cloud.close();
    await this.rehearsal.close();
  }

  get members(): UserId[] {
    return [UserId.parse(this.customer.user.id)];
  }

  /** To be called once more after a test has put things of its own into the cloud. */
  remember(): void {
    this.#before = this.#bystanders();
  }

  /** What the customer still has in a service. */
  left(service: string): string[] {
    const things = this.rehearsal.world.things(this.project).filter(({ kind }) => kind.startsWith(`${service}.`));
    return things.map(({ kind, label }) => `${kind} ${label}`);
  }

  /** Whether everything that is not the customer's is exactly as it was, to the last field. */
  get bystandersAreUntouched(): boolean {
    return this.#before === this.#bystanders();
  }

  #bystanders(): string {
    const { state } = this.rehearsal;
    const { images, identity } = state;
    const foreign = <T>(rows: readonly T[], owner: (row: T) => unknown): T[] => rows.filter((row) => owner(row) !== this.project);
    return JSON.stringify(
      [
        this.rehearsal.world.things().filter(({ owner }) => owner !== this.project),
        foreign(images.images.all(), (row) => row.owner),
        foreign(images.namespaces.all(), (row) => row.owner),
        foreign([...state.accounts.values()], (account) => account.name.slice('AUTH_'.length)),
        foreign(identity.applicationCredentials.all(), (row) => row.project_id),
        identity.users.all(),
      ],
      (_key, value) => (value instanceof Map || value instanceof Set ? [...value] : value),
    );
  }

  /** Keystone forgets the customer's project, with what goes along with it. */
  async deleteProject(): Promise<void> {
    const identity = await this.cloud.api(keystone, 'RegionOne');
    await identity?.request('DELETE', `/v3/projects/${this.project}`);
  }

  async reach(service: Service, more: Partial<Reach> = {}): Promise<Reach> {
    const api = await this.cloud.api(service, 'RegionOne');
    if (!api) throw new TypeError(`the catalog has no ${service.name}`);
    const other = async (name: string) => {
      const found = this.others.find((one) => one.name === name);
      return found && this.cloud.api(found, 'RegionOne');
    };
    return {
      project: this.project,
      region: 'RegionOne',
      api,
      members: this.members,
      onProject: undefined,
      other,
      now: Date.now,
      once: freshOnce(),
      ...more,
    };
  }

  async survey(service: Service, more: Partial<Reach> = {}): Promise<PassReport> {
    const reach = await this.reach(service, more);
    return cleanupPass({ service, reach, phase: 'survey', confirmation: undefined, deadline: Date.now() + 60_000 });
  }

  /** One pass that removes. */
  async clean(service: Service, more: Partial<Reach> = {}): Promise<PassReport> {
    const reach = await this.reach(service, more);
    const confirmation = Confirmation.of(this.project, [0, 5000], 5000);
    return cleanupPass({ service, reach, phase: 'clean', confirmation, deadline: Date.now() + 60_000 });
  }

  /** Gives the cleaner a role on the customer's project, as an operation does on a project that still lives. */
  async grantCleaner(role = 'admin'): Promise<void> {
    const { identity } = this.rehearsal.state;
    const [user] = identity.users.where((row) => row.name === 'admin' && row.domain_id === 'default');
    if (user) this.rehearsal.seed.grant({ user: user.id }, this.project, role);
  }

  /** One pass on the living project, with a token on it. */
  async early(service: Service, more: Partial<Reach> = {}): Promise<PassReport> {
    const onProject = await this.cloud.api(service, 'RegionOne', this.project);
    const reach = await this.reach(service, { onProject, ...more });
    return cleanupPass({
      service,
      reach,
      phase: 'early',
      confirmation: Confirmation.asked(this.project, 0),
      deadline: Date.now() + 60_000,
    });
  }

  /** One pass: early for a service that wants the project alive, else as after its death. */
  pass(service: Service, more: Partial<Reach> = {}): Promise<PassReport> {
    return service.early ? this.early(service, more) : this.clean(service, more);
  }

  /** Passes until it is finished or failed, at most forty, a moment apart; the last report. `told` hears of each of them. */
  async emptyWhole(service: Service, more: Partial<Reach> = {}, told?: (report: PassReport) => void): Promise<PassReport> {
    for (let passes = 1; ; passes += 1) {
      const report = await this.pass(service, more);
      told?.(report);
      if (report.outcome.is !== 'again' || passes === 40) return report;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Passes until it is finished or failed, at most ten; the last report. */
  async empty(service: Service, more: Partial<Reach> = {}): Promise<PassReport> {
    for (let passes = 1; ; passes += 1) {
      const report = await this.clean(service, more);
      if (report.outcome.is !== 'again' || passes === 10) return report;
    }
  }
}
