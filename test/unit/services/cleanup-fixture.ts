import { ProjectId, UserId } from '../../../events/ids.ts';
import type { Cloud } from '../../../lib/openstack/cloud.ts';
import { connectCloud } from '../../../lib/openstack/connect.ts';
import { keystone } from '../../../lib/services/keystone.ts';
import { createMemoize } from '../../../lib/task/memoize.ts';
import { type RunReport, runProjectCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import type { ProjectContext, Service } from '../../../lib/task/service.ts';
import { type CloudOptions, type RehearsalCloud, startCloud } from '../../cloud/cloud.ts';
import { loginOf } from '../../cloud/login.ts';
import type { Filled, SizeName } from '../../cloud/seed.ts';

/**
 * A rehearsal cloud with a customer's project and a control project with the same contents. The
 * tests run the cleanup of the customer's project.
 */
export class CleanupFixture {
  readonly rehearsal: RehearsalCloud;
  readonly cloud: Cloud;
  readonly customer: Filled;
  readonly project: ProjectId;
  readonly control: Filled;
  /** The other services that the service under test may call about its resources. Default: none. */
  others: readonly Service[] = [];
  #before: string;

  private constructor(rehearsal: RehearsalCloud, cloud: Cloud, size: SizeName) {
    this.rehearsal = rehearsal;
    this.cloud = cloud;
    const { seed } = rehearsal;
    this.customer = seed.fill(seed.makeProject(seed.makeDomain('customer'), 'production'), size);
    this.project = ProjectId.parse(this.customer.project.id);
    const [control] = seed.controls(size, ['production']);
    if (!control) throw new TypeError('a fixture needs a control project');
    this.control = control;
    this.#before = this.#controls();
  }

  static async open(options: CloudOptions = {}, size: SizeName = 'small'): Promise<CleanupFixture> {
    const rehearsal = await startCloud(options);
    const cloud = connectCloud(loginOf(rehearsal.credentials));
    return new CleanupFixture(rehearsal, cloud, size);
  }

  async close(): Promise<void> {
    await this.cloud.close();
    await this.rehearsal.close();
  }

  get members(): UserId[] {
    return [UserId.parse(this.customer.user.id)];
  }

  /** Saves the resources of other projects, for `controlsAreUntouched`. */
  rememberControls(): void {
    this.#before = this.#controls();
  }

  /** The resources that the customer still has in a service. */
  left(service: string): string[] {
    const resources = this.rehearsal.store
      .resources(this.project)
      .filter(({ resourceType }) => resourceType.startsWith(`${service}.`));
    return resources.map(({ resourceType, label }) => `${resourceType} ${label}`);
  }

  /** True if no resource of another project has changed since `rememberControls`. */
  get controlsAreUntouched(): boolean {
    return this.#before === this.#controls();
  }

  #controls(): string {
    const { state } = this.rehearsal;
    const { images, identity } = state;
    const foreign = <T>(rows: readonly T[], owner: (row: T) => unknown): T[] =>
      rows.filter((row) => owner(row) !== this.project);
    return JSON.stringify(
      [
        this.rehearsal.store.resources().filter(({ owner }) => owner !== this.project),
        foreign(images.images.all(), (row) => row.owner),
        foreign(images.namespaces.all(), (row) => row.owner),
        foreign([...state.accounts.values()], (account) => account.name.slice('AUTH_'.length)),
        foreign(identity.applicationCredentials.all(), (row) => row.project_id),
        identity.users.all(),
      ],
      (_key, value) => (value instanceof Map || value instanceof Set ? [...value] : value),
    );
  }

  /** Deletes the customer's project in Keystone, with the rows that Keystone removes too. */
  async deleteProject(): Promise<void> {
    const identity = await this.cloud.api(keystone, 'RegionOne');
    await identity?.request('DELETE', `/v3/projects/${this.project}`);
  }

  async context(service: Service, more: Partial<ProjectContext> = {}): Promise<ProjectContext> {
    const api = await this.cloud.api(service, 'RegionOne');
    if (!api) throw new TypeError(`the catalog has no ${service.name}`);
    const apiOf = async (name: string) => {
      const service = this.others.find((one) => one.name === name);
      return service && this.cloud.api(service, 'RegionOne');
    };
    return {
      project: this.project,
      region: 'RegionOne',
      api,
      members: this.members,
      projectApi: undefined,
      apiOf,
      now: Date.now,
      memoize: createMemoize(),
      ...more,
    };
  }

  async plan(service: Service, more: Partial<ProjectContext> = {}): Promise<RunReport> {
    const context = await this.context(service, more);
    return runProjectCleanup({
      service,
      context,
      phase: 'plan',
      confirmation: undefined,
      deadline: Date.now() + 60_000,
    });
  }

  /** One run in phase `apply`. */
  async clean(service: Service, more: Partial<ProjectContext> = {}): Promise<RunReport> {
    const context = await this.context(service, more);
    const confirmation = Confirmation.fromAnswers(this.project, [0, 5000], 5000);
    return runProjectCleanup({
      service,
      context,
      phase: 'apply',
      confirmation,
      deadline: Date.now() + 60_000,
    });
  }

  /**
   * Gives the cleaner a role on the customer's project, as an operation does on an existing
   * project.
   */
  async grantCleaner(role = 'admin'): Promise<void> {
    const { identity } = this.rehearsal.state;
    const [user] = identity.users.where(
      (row) => row.name === 'admin' && row.domain_id === 'default',
    );
    if (user) this.rehearsal.seed.grant({ user: user.id }, this.project, role);
  }

  /** One run on the existing project, with a token on it. */
  async preDelete(service: Service, more: Partial<ProjectContext> = {}): Promise<RunReport> {
    const projectApi = await this.cloud.api(service, 'RegionOne', this.project);
    const context = await this.context(service, { projectApi, ...more });
    return runProjectCleanup({
      service,
      context,
      phase: 'pre-delete',
      confirmation: Confirmation.fromRequest(this.project, 0),
      deadline: Date.now() + 60_000,
    });
  }

  /** One run: phase `pre-delete` for a service that requires the project, else phase `apply`. */
  run(service: Service, more: Partial<ProjectContext> = {}): Promise<RunReport> {
    return service.preDelete ? this.preDelete(service, more) : this.clean(service, more);
  }

  /**
   * Runs until the task is finished or failed, at most forty times, a moment apart. Returns the
   * last report. `onReport` receives each report.
   */
  async runUntilEnd(
    service: Service,
    more: Partial<ProjectContext> = {},
    onReport?: (report: RunReport) => void,
  ): Promise<RunReport> {
    for (let runs = 1; ; runs += 1) {
      const report = await this.run(service, more);
      onReport?.(report);
      if (report.outcome.kind !== 'again' || runs === 40) return report;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Runs until the task is finished or failed, at most ten times. Returns the last report. */
  async applyUntilEnd(service: Service, more: Partial<ProjectContext> = {}): Promise<RunReport> {
    for (let runs = 1; ; runs += 1) {
      const report = await this.clean(service, more);
      if (report.outcome.kind !== 'again' || runs === 10) return report;
    }
  }
}
