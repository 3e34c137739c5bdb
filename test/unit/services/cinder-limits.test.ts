import { quotaSuspension } from '../../../lib/services/cinder/suspend.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import type { RequestOptions, ServiceApi } from '../../../lib/task/context.ts';
import { resumeService } from '../../../lib/task/resume-run.ts';
import { suspendService } from '../../../lib/task/suspend-run.ts';
import { MemoryRecords } from '../../suspension-records.ts';
import { projectContext } from './project-context.ts';

/** Cinder with `_validate_existing_resource`: refuses a limit below the usage. */
function cinder(limits: Record<string, number>, used: Record<string, number>) {
  const state = { limits, used, isDown: false };
  const api: ServiceApi = {
    service: 'cinder',
    region: 'one',
    endpoint: 'https://cloud/v3/p',
    ownProject: 'cleaner',
    async request(method, _path, options: RequestOptions = {}) {
      const headers = new Headers();
      if (method === 'PUT') {
        const fail = (errorClass: 'Transient' | 'Unexpected', message: string) =>
          new PropagatorError({
            code: 'cinder.http',
            class: errorClass,
            message,
            advice: '',
            service: 'cinder',
          });
        if (state.isDown) throw fail('Transient', '503');
        const wanted = (options.json as { quota_set: Record<string, number> }).quota_set;
        for (const [name, value] of Object.entries(wanted))
          if (value !== -1 && value < (state.used[name] ?? 0))
            throw fail(
              'Unexpected',
              `400 Quota ${name} limit must be equal or greater than existing`,
            );
        Object.assign(state.limits, wanted);
        return { status: 200, headers, json: {}, requestId: undefined };
      }
      const usage = options.query?.usage;
      const json = {
        quota_set: usage
          ? Object.fromEntries(
              Object.entries(state.limits).map(([name, limit]) => [
                name,
                { limit, in_use: state.used[name] ?? 0, reserved: 0 },
              ]),
            )
          : { ...state.limits },
      };
      return { status: 200, headers, json, requestId: undefined };
    },
    async list() {
      throw new Error('not used');
    },
  };
  const context = projectContext(api, 'p1', { now: () => 1000 });
  const records = new MemoryRecords();
  const input = {
    types: [quotaSuspension('cinder')],
    options: ['quota-zero'],
    context,
    suspensionRecords: records,
    phase: 'apply' as const,
    settleAt: 0,
    concurrency: 1,
    deadline: 1e9,
    service: 'cinder',
    stopping: undefined,
    mayContinue: async () => true,
  };
  return { state, records, input };
}
const LIMITS = {
  volumes: 10,
  snapshots: 10,
  gigabytes: 100,
  backups: 5,
  backup_gigabytes: 50,
  groups: 3,
};

describe('the limits of a project with usage in Cinder', () => {
  it('are lowered although the usage has grown since the limits were recorded', async () => {
    const { state, input } = cinder({ ...LIMITS }, { volumes: 1, gigabytes: 1 });
    state.isDown = true;
    expect((await suspendService(input)).outcome.kind).toBe('again');
    state.isDown = false;
    state.used = { volumes: 2, gigabytes: 2 };
    const report = await suspendService(input);
    expect(report.outcome).toMatchObject({ kind: 'finished' });
    expect(state.limits).toMatchObject({ volumes: 2, gigabytes: 2, snapshots: 0 });
    await resumeService(input);
    expect(state.limits).toEqual(LIMITS);
  });

  it('are lowered with a record that an earlier release stored and could not apply', async () => {
    const { state, records, input } = cinder({ ...LIMITS }, { volumes: 1, gigabytes: 1 });
    await records.add([
      {
        resourceType: 'cinder.quota',
        id: 'p1',
        recordedState: { limits: LIMITS },
        recordedAt: 1,
        version: 1,
      },
    ]);
    const report = await suspendService(input);
    expect(report.outcome).toMatchObject({ kind: 'finished' });
    expect(state.limits).toMatchObject({ volumes: 1, gigabytes: 1, snapshots: 0 });
    await resumeService(input);
    expect(state.limits).toEqual(LIMITS);
  });

  it('are restored from a record that an earlier release stored and applied', async () => {
    const { state, records, input } = cinder(
      { ...LIMITS, groups: 0 },
      { volumes: 1, gigabytes: 1 },
    );
    const recordedState = { limits: { ...LIMITS, groups: 0 } };
    for (const name of Object.keys(state.limits)) state.limits[name] = 0;
    await records.add([
      { resourceType: 'cinder.quota', id: 'p1', recordedState, recordedAt: 1, version: 1 },
    ]);
    expect((await suspendService(input)).outcome).toMatchObject({ kind: 'finished' });
    await resumeService(input);
    expect(state.limits).toEqual({ ...LIMITS, groups: 0 });
  });

  it('are restored to -1, which means no limit', async () => {
    const { state, input } = cinder({ ...LIMITS, volumes: -1 }, { volumes: 1, gigabytes: 1 });
    expect((await suspendService(input)).outcome).toMatchObject({ kind: 'finished' });
    expect(state.limits).toMatchObject({ volumes: 1, gigabytes: 1 });
    state.used = {};
    await resumeService(input);
    expect(state.limits).toEqual({ ...LIMITS, volumes: -1 });
  });

  it('are written back, except a limit that an operator changed during the suspension', async () => {
    const { state, input } = cinder({ ...LIMITS }, { volumes: 1, gigabytes: 1 });
    await suspendService(input);
    state.limits.volumes = 7;
    expect((await suspendService(input)).outcome).toMatchObject({ kind: 'finished' });
    expect(state.limits).toMatchObject({ volumes: 7, gigabytes: 1, snapshots: 0 });
    const report = await resumeService(input);
    expect(state.limits).toEqual({ ...LIMITS, volumes: 7 });
    expect(report.outcome).toMatchObject({ kind: 'finished' });
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('its limits: volumes') }),
    );
  });

  it('are lowered again by a suspension after an operator raised all of them', async () => {
    const { state, input } = cinder({ ...LIMITS }, { volumes: 1, gigabytes: 1 });
    await suspendService(input);
    Object.assign(state.limits, { ...LIMITS, volumes: 7 });
    await suspendService(input);
    expect((await suspendService(input)).outcome).toMatchObject({ kind: 'finished' });
    expect(state.limits).toMatchObject({ volumes: 1, gigabytes: 1, snapshots: 0 });
    await resumeService(input);
    expect(state.limits).toEqual({ ...LIMITS, volumes: 7 });
  });
});
