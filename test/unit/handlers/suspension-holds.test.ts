import type { Change } from '../../../lib/engine/port.ts';
import {
  type HoldStateDeps,
  recordStateDuringHold,
  SuspensionHold,
} from '../../../lib/handlers/suspension-holds.ts';

const PROJECT = 'a0b1c2d3';
const ann = { by: 'ann', reason: 'the invoice', at: 1 };
const ben = { by: 'ben', reason: 'abuse', at: 2 };

/**
 * A store with the hold of one project. `conflicts`: the number of commits before which another
 * process stores the hold of ben.
 */
function storeOf(hold: SuspensionHold | undefined, conflicts = 0) {
  let stored = hold && { version: 1, hold };
  let remainingConflicts = conflicts;
  const world = { changes: [] as Change[], warnings: [] as object[], hold: () => stored?.hold };
  const deps = {
    engine: {
      reads: {
        documents: async () =>
          stored ? [{ id: PROJECT, version: stored.version, value: stored.hold }] : [],
      },
      commit: async (change: Change) => {
        const version = stored?.version ?? 0;
        if (remainingConflicts > 0) {
          remainingConflicts -= 1;
          stored = { version: version + 1, hold: ben };
          return 'conflict';
        }
        const [document] = change.documents ?? [];
        if (document?.version !== version) return 'conflict';
        stored = { version: version + 1, hold: SuspensionHold.parse(document.value) };
        world.changes.push(change);
        return 'committed';
      },
    },
    log: { warn: (fields: object) => world.warnings.push(fields) },
    now: () => Date.parse('2026-01-02T03:04:05Z'),
  } as unknown as HoldStateDeps;
  return { ...world, deps };
}

describe('the record that a project with a hold is enabled or disabled in Keystone', () => {
  it('uses the hold that another process has stored in the meantime', async () => {
    const { deps, changes, warnings, hold } = storeOf(ann, 1);
    await recordStateDuringHold(PROJECT, { isEnabled: true }, deps);
    expect(hold()).toEqual({ ...ben, enabledAt: '2026-01-02T03:04:05.000Z' });
    expect(changes.map(({ audit }) => audit)).toMatchObject([
      [{ what: 'hold.contradicted', at: 1_767_323_045_000, before: ben, after: hold() }],
    ]);
    expect(warnings).toMatchObject([{ project: PROJECT, by: 'ben', reason: 'abuse' }]);
  });

  it('is not written if Keystone still shows the same state', async () => {
    const enabled = { ...ann, enabledAt: '2026-01-01T00:00:00.000Z' };
    for (const [hold, isEnabled] of [
      [enabled, true],
      [ann, false],
      [undefined, true],
    ] as const) {
      const store = storeOf(hold);
      await recordStateDuringHold(PROJECT, { isEnabled }, store.deps);
      expect(store).toMatchObject({ changes: [], warnings: [] });
    }
  });

  it('is removed without a warning if the project is disabled again', async () => {
    const store = storeOf({ ...ann, enabledAt: '2026-01-01T00:00:00.000Z' });
    await recordStateDuringHold(PROJECT, { isEnabled: false }, store.deps);
    expect(store.hold()).toEqual(ann);
    expect(store.changes.map(({ audit }) => audit)).toEqual([undefined]);
    expect(store.warnings).toEqual([]);
  });

  it('fails after too many lock conflicts', async () => {
    const store = storeOf(ann, 5);
    await expect(recordStateDuringHold(PROJECT, { isEnabled: true }, store.deps)).rejects.toThrow(
      /changed the hold 5 times/,
    );
    expect(store).toMatchObject({ changes: [], warnings: [] });
  });
});
