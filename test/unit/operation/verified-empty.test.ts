import { ProjectId } from '../../../events/ids.ts';
import { runProjectCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import { defineService, defineType, type Removal } from '../../../lib/task/service.ts';
import { failure } from '../../property/stateful-simulation.ts';
import { contextOf } from '../task/context.ts';

const PROJECT = ProjectId.parse('target');

interface Records {
  rows: string[];
  /** The listing of the type is incomplete. */
  hasMore?: boolean;
  remove?: (id: string) => Removal;
  list?: () => void;
  /** The zone is removed immediately, so that the run lists again. */
  zoneIsRemoved?: boolean;
}

/**
 * One run over records that another service waits for, and a zone that is being deleted. `at`
 * returns the time of each call.
 */
async function run(records: Records, at: () => number = () => 0) {
  const { rows, hasMore = false, remove = () => ({ kind: 'gone' }) } = records;
  const record = defineType<string>({
    name: 'record',
    async list() {
      records.list?.();
      return { rows: [...rows], hasMore };
    },
    id: (id) => id,
    owner: () => PROJECT,
    async remove(id) {
      const removal = remove(id);
      if (removal.kind === 'gone') rows.splice(rows.indexOf(id), 1);
      return removal;
    },
  });
  let zones = ['zone'];
  const zone = defineType<string>({
    name: 'zone',
    list: async () => zones,
    id: (id) => id,
    owner: () => PROJECT,
    async remove() {
      if (!records.zoneIsRemoved) return { kind: 'accepted' };
      zones = ['retained'];
      return { kind: 'gone' };
    },
  });
  const service = defineService({
    name: 'dns',
    catalogTypes: ['dns'],
    resourceTypes: [record, zone],
  });
  const confirmation = Confirmation.fromAnswers(PROJECT, [0, 9], 1);
  return runProjectCleanup({
    service,
    context: { ...contextOf(), now: at },
    phase: 'apply',
    confirmation,
    deadline: 60_000,
  });
}

describe('the verification of a resource type that other services wait for', () => {
  it.each([
    ['it had no resources', []],
    ['its resources were removed, and it was listed again', ['one', 'two']],
  ])('is empty: %s', async (_, rows) => {
    expect(await run({ rows })).toMatchObject({
      outcome: { kind: 'again' },
      verification: { 'dns.record': 'empty' },
    });
  });

  it.each<[string, Records]>([
    ['a resource is being deleted', { rows: ['one'], remove: () => ({ kind: 'accepted' }) }],
    ['the listing is incomplete and shows no resource of the project', { rows: [], hasMore: true }],
  ])('is present if %s', async (_, records) => {
    expect(await run(records)).toMatchObject({
      outcome: { kind: 'again' },
      verification: { 'dns.record': 'present' },
    });
  });

  it('is present until it is listed again after the removals', async () => {
    let time = 0;
    const remove = (): Removal => {
      time = 60_000;
      return { kind: 'gone' };
    };
    const report = await run({ rows: ['one'], remove }, () => time);
    expect(report).toMatchObject({
      counts: { 'dns.record': { listed: 1, gone: 1, left: 0 } },
      verification: { 'dns.record': 'present' },
    });
  });

  it('is unknown if it cannot be listed, or can no longer be listed', async () => {
    let listings = 0;
    const breaks = (at: number) => () => {
      listings += 1;
      if (listings >= at) throw failure('Transient');
    };
    expect(await run({ rows: [], list: breaks(1) })).toMatchObject({
      verification: { 'dns.record': 'unknown' },
    });
    listings = 0;
    expect(await run({ rows: [], list: breaks(2), zoneIsRemoved: true })).toMatchObject({
      counts: { 'dns.record': { left: 0 } },
      verification: { 'dns.record': 'unknown' },
    });
  });
});
