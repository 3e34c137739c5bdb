import type { OutgoingMessage } from '../../../events/index.ts';
import { storeNotifications } from '../../../lib/handlers/receive.ts';
import { cadf, IngestFixture, project } from '../account/ingest-fixture.ts';

const CREATED = 'identity.project.created';
const DELETED = 'identity.project.deleted';

/** An inventory that has seen two projects alive. */
async function withProjects(): Promise<IngestFixture> {
  const fixture = new IngestFixture();
  for (const id of ['p1', 'p2']) {
    fixture.keystone.put(project(id));
    await fixture.deliver(cadf(CREATED, id));
  }
  return fixture;
}

/** Stores the notifications. Returns for each one whether it is urgent. */
async function urgency(fixture: IngestFixture, ...bodies: string[]): Promise<boolean[]> {
  const sent: OutgoingMessage[] = [];
  const { engine } = fixture;
  const recordingEngine = {
    reads: engine.reads,
    commit: (change: Parameters<typeof engine.commit>[0]) => {
      sent.push(...(change.messages ?? []));
      return engine.commit(change);
    },
  };
  const messages = bodies.map((body) => fixture.received(body));
  await storeNotifications(messages, { engine: recordingEngine });
  expect(sent).toHaveLength(bodies.length);
  return sent.map(({ isUrgent }) => isUrgent === true);
}

describe('a received notification', () => {
  it('is urgent if it is the first deletion of an account that was seen alive', async () => {
    const fixture = await withProjects();
    const forged = Array.from({ length: 300 }, (_, n) => cadf(DELETED, `never-${n}`));
    const others = [cadf(CREATED, 'p1'), cadf('identity.user.deleted', 'p1'), 'no notification'];
    const deletions = [cadf(DELETED, 'p2'), cadf(DELETED, 'p1'), cadf(DELETED, 'p2')];
    expect(await urgency(fixture, ...forged, ...others, ...deletions)).toEqual([
      ...forged.map(() => false),
      ...others.map(() => false),
      ...[true, true, false],
    ]);
  });

  it('is not urgent if another notification already reported the deletion', async () => {
    const fixture = await withProjects();
    fixture.keystone.remove('project', 'p1');
    await fixture.deliver(cadf(DELETED, 'p1'));
    expect(await urgency(fixture, cadf(DELETED, 'p1'))).toEqual([false]);
  });

  it('does not prevent the storage of the other notifications if it cannot be parsed', async () => {
    const fixture = await withProjects();
    const poison = `{"event_type":"${DELETED}","payload":{"x":${'['.repeat(20_000)}${']'.repeat(20_000)}}}`;
    expect(await urgency(fixture, poison, cadf(DELETED, 'p1'))).toEqual([false, true]);
  });

  it('causes an error if the commit stored nothing, so that it is not acknowledged', async () => {
    const { engine } = await withProjects();
    const conflicting = { reads: engine.reads, commit: async () => 'conflict' as const };
    await expect(storeNotifications([], { engine: conflicting })).rejects.toMatchObject({
      report: { code: 'notifications.conflict', class: 'Transient' },
    });
  });

  it('is stored and not urgent if the inventory cannot be read', async () => {
    const fixture = await withProjects();
    fixture.engine.reads.accounts = () => Promise.reject(new Error('no connection'));
    expect(await urgency(fixture, cadf(DELETED, 'p1'))).toEqual([false]);
  });
});
