import type { Phase } from '../../../events/service.ts';
import { SERVICES } from '../../../lib/services/index.ts';
import type { RunReport } from '../../../lib/task/run.ts';
import type { ProjectContext, Service } from '../../../lib/task/service.ts';
import { type CloudOptions, VirtualClock } from '../../cloud/cloud.ts';
import type { SizeName } from '../../cloud/seed.ts';
import { CleanupFixture } from './cleanup-fixture.ts';

/**
 * A fixture whose time advances only between two runs, so that a wait of minutes or hours takes
 * no time in a test.
 */
export class TimedFixture {
  readonly fixture: CleanupFixture;
  readonly clock: VirtualClock;
  #before: string;

  private constructor(fixture: CleanupFixture, clock: VirtualClock) {
    this.fixture = fixture;
    this.clock = clock;
    this.#before = this.#foreignRows();
  }

  static async open(
    options: Omit<CloudOptions, 'clock'> = {},
    size: SizeName = 'small',
  ): Promise<TimedFixture> {
    const clock = new VirtualClock();
    return new TimedFixture(await CleanupFixture.open({ ...options, clock }, size), clock);
  }

  get compute() {
    return this.fixture.rehearsal.state.compute;
  }
  get storage() {
    return this.fixture.rehearsal.state.storage;
  }
  get project(): string {
    return this.fixture.project;
  }
  get controlProject(): string {
    return this.fixture.control.project.id;
  }

  /** Call it again after a test has added resources to the cloud. */
  rememberControls(): void {
    this.fixture.rememberControls();
    this.#before = this.#foreignRows();
  }

  /**
   * True if every server, volume and other resource of other projects is unchanged in each field.
   */
  get controlsAreUntouched(): boolean {
    return this.fixture.controlsAreUntouched && this.#before === this.#foreignRows();
  }

  #foreignRows(): string {
    const { groups: serverGroups, servers, quotas } = this.compute;
    const { volumes, snapshots, backups, groups, groupSnapshots, transfers, attachments } =
      this.storage;
    const rows: { project_id: string }[] = [
      ...serverGroups.all(),
      ...servers.all(),
      ...volumes.all(),
      ...snapshots.all(),
      ...backups.all(),
      ...groups.all(),
      ...groupSnapshots.all(),
      ...transfers.all(),
      ...attachments.all(),
    ];
    const foreign = rows.filter((row) => row.project_id !== this.project);
    const limits = [
      ...quotas.all(),
      ...this.storage.quotas.all(),
      ...this.storage.defaultTypes.all(),
    ].filter((row) => row.id !== this.project);
    return JSON.stringify([foreign, limits], (_key, value) =>
      value instanceof Set ? [...value] : value,
    );
  }

  /** One run. */
  async run(
    service: Service,
    phase: Phase = 'apply',
    more: Partial<ProjectContext> = {},
  ): Promise<RunReport> {
    const { cloud } = this.fixture;
    const apiOf: ProjectContext['apiOf'] = (name) =>
      cloud.api(
        SERVICES.find((known) => known.name === name) ?? {
          ...service,
          catalogTypes: [name],
          microversion: undefined,
        },
        'RegionOne',
      );
    const context = { apiOf, now: () => this.clock.now(), ...more };
    return phase === 'plan'
      ? this.fixture.plan(service, context)
      : this.fixture.clean(service, context);
  }

  /**
   * Runs, ten seconds apart, until one has another outcome than `again`; at most twelve. Returns
   * the last report.
   */
  async applyUntilEnd(service: Service, more: Partial<ProjectContext> = {}): Promise<RunReport> {
    for (let runs = 1; ; runs += 1) {
      const report = await this.run(service, 'apply', more);
      if (report.outcome.kind !== 'again' || runs === 12) return report;
      this.clock.advance(10_000);
    }
  }
}
