import fc from 'fast-check';
import { type Fate, fatesOfActs, run } from './fates.ts';
import { EVERY_CLASS, failure, LivingWorld, VICTIM } from './living-world.ts';

const KINDS = EVERY_CLASS.flatMap(({ name, kinds = {} }) => Object.keys(kinds).map((kind) => `${name}.${kind}`));
const SERVICES = EVERY_CLASS.map(({ name }) => name);
/** What people do meanwhile, and at which delivery. */
const meddling = fc.record({ step: fc.nat(60), what: fc.constantFrom('nothing', 'nothing', 'delete', 'enable', 'disable') });
const histories = fc.record({
  things: fc.tuple(...KINDS.map(() => fc.nat(2))),
  lingers: fc.nat(2),
  wasDisabled: fc.boolean(),
  meddling,
  /** A service that does not answer from the one delivery to the other. */
  away: fc.record({ service: fc.constantFrom(...SERVICES), from: fc.nat(40), to: fc.nat(60) }),
  refusals: fc.array(
    fc.record({
      what: fc.constantFrom('enter' as const, 'leave' as const, 'disable' as const, 'delete' as const),
      as: fc.constantFrom('Transient' as const, 'Transient' as const, 'Denied' as const),
    }),
    { maxLength: 4 },
  ),
});
type History = typeof histories extends fc.Arbitrary<infer One> ? One : never;

/** After so many deliveries people have come to their senses, and all services are well. */
const HEALED = 90;

async function live(history: History, fate: Iterator<Fate>): Promise<LivingWorld> {
  const world = new LivingWorld(EVERY_CLASS, 1);
  const { cloud } = world;
  cloud.things = cloud.things.filter(({ owner }) => owner !== VICTIM);
  for (const [index, kind] of KINDS.entries())
    for (let n = 0; n < (history.things[index] ?? 0); n += 1) cloud.make(kind, VICTIM, `victim-${n}`, history.lingers);
  for (const { what, as } of history.refusals) cloud.refusals[what] = [...(cloud.refusals[what] ?? []), failure(as)];
  if (history.wasDisabled) cloud.enable(VICTIM, false);
  await world.ask();

  const sawIt = () =>
    [...world.engine.tasks.values()].some(({ conditions }) => conditions.some(({ message }) => message.includes('enabled')));
  let total = 0;
  const before = (): void => {
    const step = total++;
    const { service, from, to } = history.away;
    if (step >= from && step < to) cloud.broken.set(service, failure('Transient'));
    else cloud.broken.clear();
    if (step === history.meddling.step) meddle(world, history.meddling.what);
    // Whoever enabled it disables it again once he was told.
    const isEarly = world.state === 'early' || world.state === 'confirming';
    if (!isEarly && (step > HEALED || sawIt())) cloud.enable(VICTIM, false);
    if (isEarly && step > HEALED) cloud.enable(VICTIM, true);
  };
  const cut = (isOff: boolean) => {
    cloud.powerCut = isOff;
  };
  await run(world, fate, { before, cut });
  // What waits for a person gets one.
  for (let n = 0; n < 12 && (world.state === 'held' || world.engine.letters.length > 0); n += 1) {
    if (world.state === 'held') await world.release();
    await world.engine.redrive({}, { by: 'operator' });
    await run(world, fate, { before, cut });
  }
  return world;
}

function meddle({ cloud }: LivingWorld, what: string): void {
  if (what === 'delete') cloud.delete(VICTIM);
  if (what === 'disable') cloud.enable(VICTIM, false);
  if (what !== 'enable' || !cloud.projects.has(VICTIM)) return;
  cloud.enable(VICTIM, true);
  cloud.make('compute.server', VICTIM);
}

describe('the end of a project that an administrator asks for, whatever anybody does meanwhile', () => {
  it('comes; no role of ours stays, nobody else is touched, and nothing that could have been removed is left', async () => {
    await fc.assert(
      fc.asyncProperty(histories, fatesOfActs, async (history, fate) => {
        const world = await live(history, fate);
        expect(['finished', 'residue-unknown', 'refused']).toContain(world.state);
        expect([...world.cloud.roles]).toEqual([]);
        world.expectOthersUntouched();
        if (world.state === 'refused') {
          expect(world.cloud.projects.has(VICTIM)).toBe(true);
          return;
        }
        expect(world.cloud.projects.has(VICTIM)).toBe(false);
        const left = Object.keys(world.left());
        if (world.state === 'finished') expect(left).toEqual([]);
        else for (const kind of left) expect(['vault.secret', 'booking.lease']).toContain(kind);
      }),
      { numRuns: 400 },
    );
  });

  it('leaves nothing at all when nobody meddles', async () => {
    await fc.assert(
      fc.asyncProperty(histories, fatesOfActs, async (history, fate) => {
        const world = await live({ ...history, wasDisabled: false, meddling: { step: 0, what: 'nothing' } }, fate);
        expect(world.state).toBe('finished');
        expect(world.left()).toEqual({});
      }),
      { numRuns: 150 },
    );
  });

  it('changes nothing in mode observe', async () => {
    await fc.assert(
      fc.asyncProperty(fatesOfActs, fc.boolean(), async (fate, wasDisabled) => {
        const world = new LivingWorld(EVERY_CLASS, 1);
        world.mode = 'observe';
        if (wasDisabled) world.cloud.enable(VICTIM, false);
        await world.ask();
        const before = structuredClone([world.cloud.things, [...world.cloud.projects], [...world.cloud.roles]]);
        const look = () => expect([world.cloud.things, [...world.cloud.projects], [...world.cloud.roles]]).toEqual(before);
        await run(world, fate, { before: look });
        look();
        expect(world.state).toBe('observed');
      }),
      { numRuns: 50 },
    );
  });
});
