import fc from 'fast-check';
import { DomainId, mayBeSameId, ProjectId } from '../../events/ids.ts';
import type { NotificationReceived } from '../../events/notification.ts';
import type { Keystone } from '../../lib/account/keystone.ts';
import { notificationReceived } from '../../lib/account/received.ts';
import { ingest } from '../../lib/handlers/ingest.ts';
import { required } from '../dependencies.ts';
import { cadf, silentLog } from '../unit/account/ingest-fixture.ts';
import { deliveries, run, type ScheduledDelivery } from './chaos-schedule.ts';
import { runs } from './runs.ts';
import { CONTROL, StatefulSimulation } from './stateful-simulation.ts';

const SERVICES = [
  { name: 'compute', resourceTypes: { server: 'A' } },
  { name: 'network', resourceTypes: { port: 'A' }, dependsOn: [required('compute')] },
] as const;

/** Keystone shows a project without a domain only if the project is a domain itself. */
const inDomain = (keystone: Keystone): Keystone => ({
  ...keystone,
  show: async (type, id) => {
    const shown = await keystone.show(type, id);
    if (shown.kind !== 'present' || shown.account.type !== 'project') return shown;
    return { kind: 'present', account: { ...shown.account, domainId: DomainId.parse('d1') } };
  },
});

/** A simulation that receives notifications as Keystone sends them. */
class AnnouncedSimulation extends StatefulSimulation {
  #count = 0;
  constructor() {
    super(SERVICES, 0);
    for (const resourceType of ['compute.server', 'network.port'])
      this.cloud.make(resourceType, CONTROL, `control-${resourceType}`);
  }

  async take(...bodies: readonly string[]): Promise<void> {
    const messages = bodies.map((body): NotificationReceived => {
      this.#count += 1;
      const from = { id: `n-${this.#count}`, source: 'test', receivedAt: this.engine.time };
      return notificationReceived(Buffer.from(body), from);
    });
    await ingest(
      messages.map((message) => ({ message, receiveCount: 1 })),
      {
        engine: this.engine,
        keystone: inDomain(this.cloud.port.keystone),
        log: silentLog,
        now: () => this.engine.time,
      },
    );
  }

  live(id: string): void {
    this.cloud.projects.set(id, { name: 'shop', enabled: true });
    this.cloud.make('compute.server', id);
    this.cloud.make('network.port', id);
  }

  body(id: string, what = 'deleted', messageId?: string): string {
    const at = new Date(this.engine.time).toISOString().replace('T', ' ').replace('Z', '');
    return cadf(`identity.project.${what}`, id, { at, messageId });
  }
}

const CONTROL_HAS = { 'compute.server': 1, 'network.port': 1 };
function expectControlUntouched(simulation: AnnouncedSimulation): void {
  expect(simulation.left(CONTROL)).toEqual(CONTROL_HAS);
  expect(simulation.cloud.projects.get(CONTROL)).toEqual({ name: 'bank', enabled: true });
  expect(simulation.cloud.violations).toEqual([]);
}

/**
 * Any id that Keystone may have, and ids with a special meaning in a path, a command line or a
 * terminal.
 */
const id = fc
  .oneof(
    { weight: 3, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }) },
    { weight: 2, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }) },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        ...['..', '.', 'a/../b', '/', 'a/', '%2e%2e', '%2F', 'a%2Fb', 'a?b', 'a#b', `'"`, '--all'],
        ...['-rf', 'cn=jane,ou=x', 'jane.doe@example.org', 'DOM\\jane', '__proto__', 'constructor'],
        ...['a\nb', '\u001b[31m', '\u202eabc', ' a', 'a ', 'ß', 'İ', '4F0A', 'f'.repeat(64), '{}'],
      ),
    },
  )
  .filter((text) => ProjectId.safeParse(text).success);
/**
 * An id similar to the first. The first project may be emptied only if no database treats both ids
 * as equal.
 */
const neighbor = (of: string): fc.Arbitrary<string> =>
  fc
    .constantFrom(
      ...[of.toUpperCase(), of.toLowerCase(), `${of}x`, of.slice(1), `${of} `, ` ${of}`],
      ...[encodeURIComponent(of.toWellFormed()), `${of}/`, `./${of}`, of.normalize('NFD')],
    )
    .filter((text) => text !== of && ProjectId.safeParse(text).success);

describe('a project with any id', () => {
  it('is emptied when it is deleted, or kept with a reason; a project with a similar id keeps everything', async () => {
    await fc.assert(
      fc.asyncProperty(
        id.chain((one) => fc.tuple(fc.constant(one), neighbor(one))),
        deliveries,
        async ([target, control], schedule) => {
          const simulation = new AnnouncedSimulation();
          for (const one of [target, control]) simulation.live(one);
          await simulation.take(
            simulation.body(target, 'created'),
            simulation.body(control, 'created'),
          );
          simulation.engine.time += 60_000;
          simulation.cloud.delete(target);
          await simulation.take(simulation.body(target));
          await run(simulation, schedule);
          const { state, hold } = simulation.operation;
          if (mayBeSameId(target, control)) {
            expect(state).toBe('refused');
            expect(hold?.reason).toContain(control);
            expect(simulation.left(target)).toEqual({ 'compute.server': 1, 'network.port': 1 });
          } else {
            expect(state).toBe('finished');
            expect(simulation.left(target)).toEqual({});
          }
          expect(simulation.left(control)).toEqual({ 'compute.server': 1, 'network.port': 1 });
          expect(simulation.cloud.projects.has(control)).toBe(true);
          expectControlUntouched(simulation);
        },
      ),
      { numRuns: runs(300) },
    );
  });
});

const TARGET = 'target';
const steps = fc.array(
  fc.constantFrom(
    ...(['restore', 'delete', 'announce again', 'announce with a used id'] as const),
    ...(['forge', 'forge another', 'grant', 'rerun', 'release suspicious'] as const),
  ),
  { minLength: 1, maxLength: 14 },
);

describe('an id that is deleted, restored, forged and run again in any order', () => {
  it('has no resource left after its last deletion, and an existing project loses no resource', async () => {
    await fc.assert(
      fc.asyncProperty(steps, deliveries, async (history, schedule) => {
        const simulation = new AnnouncedSimulation();
        simulation.live(TARGET);
        await simulation.take(simulation.body(TARGET, 'created'));
        const announced: string[] = [];
        for (const step of history) {
          simulation.engine.time += 120_000;
          await happen(simulation, step, announced);
          const isAlive = simulation.cloud.projects.has(TARGET);
          const before = simulation.left(TARGET);
          await run(simulation, schedule as Iterator<ScheduledDelivery>);
          if (isAlive) expect(simulation.left(TARGET)).toEqual(before);
        }
        if (!simulation.cloud.projects.has(TARGET)) expect(simulation.left(TARGET)).toEqual({});
        expectControlUntouched(simulation);
        const forgeries = history.filter((step) => step === 'forge another').length;
        expect((await simulation.engine.reads.suspicions(100)).total).toBeLessThanOrEqual(
          forgeries,
        );
        // At most one operation per deletion and rerun, and one for each forged notification before
        // them.
        const deletions = announced.length + history.filter((step) => step === 'rerun').length;
        const ours = [...simulation.engine.operations.values()].filter(
          ({ scope }) => scope.id === TARGET,
        );
        expect(ours.length).toBeLessThanOrEqual(deletions + history.length);
      }),
      { numRuns: runs(300) },
    );
  });
});

async function happen(
  simulation: AnnouncedSimulation,
  step: string,
  announced: string[],
): Promise<void> {
  const isAlive = simulation.cloud.projects.has(TARGET);
  switch (step) {
    case 'restore':
      if (!isAlive) simulation.live(TARGET);
      break;
    case 'delete': {
      if (!isAlive) return;
      simulation.cloud.delete(TARGET);
      const body = simulation.body(TARGET);
      announced.push(body);
      await simulation.take(body);
      break;
    }
    case 'announce again':
      await simulation.take(...announced.slice(-2));
      break;
    case 'announce with a used id':
      if (!isAlive) return;
      await simulation.take(simulation.body('other', 'updated', `used-${announced.length}`));
      simulation.cloud.delete(TARGET);
      announced.push(simulation.body(TARGET, 'deleted', `used-${announced.length}`));
      await simulation.take(announced.at(-1) ?? '');
      break;
    case 'forge':
      await simulation.take(simulation.body(TARGET));
      break;
    case 'forge another':
      await simulation.take(simulation.body(`never-${simulation.engine.time}`));
      break;
    case 'grant':
      await simulation.take(
        cadf('identity.role_assignment.created', undefined, {
          payload: { project: TARGET, user: 'jane.doe@example.org' },
        }),
      );
      break;
    case 'rerun': {
      const [operation] = await simulation.engine.reads.operationsAbout('project', TARGET);
      if (operation)
        await simulation.call('POST', `/v1/operations/${operation.id}/rerun`, { reason: 'x' });
      break;
    }
    default:
      await simulation.call('POST', '/v1/suspicious/release', { all: true, reason: 'x' });
  }
}
