import { ProjectId } from '../../events/ids.ts';
import { aggregate } from '../../lib/cleanup/conditions.ts';
import { Confirmation } from '../../lib/cleanup/laws.ts';
import { cleanupPass } from '../../lib/cleanup/pass.ts';
import { defineKind, defineService } from '../../lib/cleanup/service.ts';
import { reachOf } from './reach.ts';

const PROJECT = ProjectId.parse('victim');
const reach = reachOf();

describe('a kind that only follows another', () => {
  it('has its turn after it, and goes even when something of the other one is stuck', async () => {
    const world = { books: new Set(['stuck', 'loose']), boards: new Set(['board']), order: [] as string[] };
    const kind = (name: string, rows: Set<string>, follows: string[]) =>
      defineKind<string>({
        name,
        follows,
        list: async () => [...rows],
        id: (id) => id,
        owner: () => PROJECT,
        async remove(id) {
          if (id === 'stuck') return { is: 'blocked', message: 'glued', actor: 'operator' };
          await new Promise((resolve) => setImmediate(resolve));
          world.order.push(id);
          rows.delete(id);
          return { is: 'gone' };
        },
      });
    const service = defineService({
      name: 'shelf',
      catalogTypes: ['shelf'],
      after: [],
      kinds: [kind('board', world.boards, ['book']), kind('book', world.books, [])],
    });
    const report = await cleanupPass({
      service,
      reach,
      phase: 'clean',
      confirmation: Confirmation.of(PROJECT, [0, 9], 1),
      deadline: 60_000,
    });
    expect(world.order).toEqual(['loose', 'board']);
    expect([...world.books]).toEqual(['stuck']);
    expect(report.outcome.is).toBe('again');
  });
});

describe('what is shown of many reasons', () => {
  it('shows what stands in the way before what this cloud merely lacks', () => {
    const lacks = Array.from({ length: 40 }, (_, n) => ({
      class: 'Unsupported' as const,
      message: `skipped: no extension ${n}`,
      actor: 'nobody' as const,
      count: 1,
    }));
    const shown = aggregate([...lacks, { class: 'Blocked', message: 'z', actor: 'neighbour', count: 1 }]);
    expect(shown[0]).toMatchObject({ class: 'Blocked' });
  });
});
