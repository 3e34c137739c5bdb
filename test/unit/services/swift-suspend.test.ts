import { swift } from '../../../lib/services/swift.ts';
import { resumeService } from '../../../lib/task/resume-run.ts';
import { suspendService } from '../../../lib/task/suspend-run.ts';
import { newContainer } from '../../cloud/swift-state.ts';
import { MemoryRecords } from '../../suspension-records.ts';
import { CleanupFixture } from './cleanup-fixture.ts';

const READ = 'x-container-read';
const KEY = 'x-container-meta-temp-url-key';
const KEY_2 = 'x-container-meta-temp-url-key-2';
const MASKED = /^kp1:[0-9a-f]{32}:secret$/;

let fixture: CleanupFixture;
let records: MemoryRecords;
let headers: Record<string, string>;
beforeEach(async () => {
  fixture = await CleanupFixture.open({}, 'tiny');
  records = new MemoryRecords();
  const container = newContainer('open', 0);
  fixture.rehearsal.state.accounts
    .get(`AUTH_${fixture.project}`)
    ?.containers.set('open', container);
  ({ headers } = container);
  Object.assign(headers, { [READ]: '.r:*,other:user', [KEY]: 'secret' });
});
afterEach(() => fixture.close());

async function run(action: typeof suspendService | typeof resumeService) {
  const report = await action({
    service: swift.name,
    types: (swift.suspension?.types ?? []).map((type) => type(swift.name)),
    options: ['close'],
    context: await fixture.context(swift),
    suspensionRecords: records,
    phase: 'apply',
    settleAt: 0,
    deadline: Date.now() + 60_000,
    concurrency: 1,
    mayContinue: async () => true,
  });
  expect(report.outcome).toEqual({ kind: 'finished' });
  return report.conditions;
}

describe('a container that another actor changes during its suspension', () => {
  beforeEach(async () => {
    await run(suspendService);
    expect(headers[READ]).toBe('other:user');
    expect(headers[KEY]).toMatch(MASKED);
  });

  it('is suspended again after its ACL became public, and its key is restored as well', async () => {
    headers[READ] = '.r:example.com';
    await run(suspendService);
    expect(headers[READ]).toBeUndefined();
    expect(headers[KEY]).toMatch(MASKED);
    expect(await run(resumeService)).toEqual([]);
    expect(headers).toMatchObject({ [READ]: '.r:example.com', [KEY]: 'secret' });
  });

  it('is suspended again after it got a new key, and its ACL is restored as well', async () => {
    delete headers[KEY];
    headers[KEY_2] = 'secret';
    await run(suspendService);
    expect(headers[KEY_2]).toMatch(MASKED);
    expect(await run(resumeService)).toEqual([]);
    expect(headers).toMatchObject({ [READ]: '.r:*,other:user', [KEY_2]: 'secret' });
    expect(headers[KEY]).toBeUndefined();
  });

  it('gets its key back when only its ACL was changed, and keeps the new ACL', async () => {
    headers[READ] = 'third:user';
    expect(await run(resumeService)).toMatchObject([
      { message: expect.stringContaining('its read ACL has changed'), actor: 'operator' },
    ]);
    expect(headers).toMatchObject({ [READ]: 'third:user', [KEY]: 'secret' });
    expect(await records.all()).toEqual([]);
  });

  it('gets its ACL back when only its key was removed', async () => {
    delete headers[KEY];
    expect(await run(resumeService)).toMatchObject([
      { message: expect.stringContaining('its Temp-URL-Key is gone'), actor: 'operator' },
    ]);
    expect(headers[READ]).toBe('.r:*,other:user');
    expect(headers[KEY]).toBeUndefined();
  });
});
