import { ProjectId } from '../../../events/ids.ts';
import { runProjectCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import { defineService, defineType, type Removal } from '../../../lib/task/service.ts';
import { failure } from '../../property/stateful-world.ts';
import { reachOf } from '../task/context.ts';

const PROJECT = ProjectId.parse('target');

interface Records {
  rows: string[];
  /** The listing was cut: there is more. */
  more?: boolean;
  remove?: (id: string) => Removal;
  list?: () => void;
  /** The zone goes at once, so that there is another look. */
  zoneGoes?: boolean;
}

/**
 * One pass over records that another service waits for, and a zone that stays for now; `at` gives
 * the time at each question.
 */
async function run(records: Records, at: () => number = () => 0) {
  const { rows, more = false, remove = () => ({ is: 'gone' }) } = records;
  const record = defineType<string>({
    name: 'record',
    async list() {
      records.list?.();
      return { rows: [...rows], more };
    },
    id: (id) => id,
    owner: () => PROJECT,
    async remove(id) {
      const removal = remove(id);
      if (removal.is === 'gone') rows.splice(rows.indexOf(id), 1);
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
      if (!records.zoneGoes) return { is: 'accepted' };
      zones = ['retained'];
      return { is: 'gone' };
    },
  });
  const service = defineService({
    name: 'dns',
    catalogTypes: ['dns'],
    resourceTypes: [record, zone],
  });
  const confirmation = Confirmation.of(PROJECT, [0, 9], 1);
  return runProjectCleanup({
    service,
    context: { ...reachOf(), now: at },
    phase: 'apply',
    confirmation,
    deadline: 60_000,
  });
}

describe('what a pass proves of a resource type that others wait for alone', () => {
  it.each([
    ['there was none', []],
    ['it was removed, and looked for again', ['one', 'two']],
  ])('is that it is gone: %s', async (_, rows) => {
    expect(await run({ rows })).toMatchObject({
      outcome: { is: 'again' },
      verification: { 'dns.record': 'empty' },
    });
  });

  it.each<[string, Records]>([
    ['one of it stays for now', { rows: ['one'], remove: () => ({ is: 'accepted' }) }],
    ['the listing was cut and showed nothing of ours', { rows: [], more: true }],
  ])('is nothing when %s', async (_, records) => {
    expect(await run(records)).toMatchObject({
      outcome: { is: 'again' },
      verification: { 'dns.record': 'present' },
    });
  });

  it('is nothing on the word of the API alone, without another look', async () => {
    let time = 0;
    const remove = (): Removal => {
      time = 60_000;
      return { is: 'gone' };
    };
    const report = await run({ rows: ['one'], remove }, () => time);
    expect(report).toMatchObject({
      counts: { 'dns.record': { listed: 1, gone: 1, left: 0 } },
      verification: { 'dns.record': 'present' },
    });
  });

  it('is nothing when it can not be listed, nor any more when it can no longer be listed', async () => {
    let looks = 0;
    const breaks = (at: number) => () => {
      looks += 1;
      if (looks >= at) throw failure('Transient');
    };
    expect(await run({ rows: [], list: breaks(1) })).toMatchObject({
      verification: { 'dns.record': 'unknown' },
    });
    looks = 0;
    expect(await run({ rows: [], list: breaks(2), zoneGoes: true })).toMatchObject({
      counts: { 'dns.record': { left: 0 } },
      verification: { 'dns.record': 'unknown' },
    });
  });
});
