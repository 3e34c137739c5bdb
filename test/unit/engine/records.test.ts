import { StoredOperation, StoredTask } from '../../../lib/engine/records.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { operation, task } from '../../engine/samples.ts';

describe('a stored operation of a newer release', () => {
  const stored: object = JSON.parse(JSON.stringify(operation()));
  const refusal = (field: string, value: string): string => {
    try {
      StoredOperation.parse({ ...stored, [field]: value });
    } catch (error) {
      if (error instanceof PropagatorError) return error.message;
      throw error;
    }
    return 'read';
  };

  it.each(['action', 'state'])('is refused in one line if it has an unknown %s', (field) => {
    expect(refusal(field, 'archive')).toBe(
      `A stored operation has the ${field} "archive", which this release does not know.`,
    );
  });

  it('is read if it has a known action and further fields', () => {
    expect(refusal('action', 'suspend')).toBe('read');
    expect(refusal('field-of-a-newer-release', 'any')).toBe('read');
  });
});

describe('a stored operation of an earlier release', () => {
  it('keeps a cancellation that waits for the call that disables the account', () => {
    const canceled = { by: 'ann', reason: 'goes on', at: 1 };
    const times = {
      lengthMillis: 1,
      remainingMillis: 1,
      seenAt: 1,
      checkAfterMillis: 1,
      number: 1,
    };
    const recovery = { wasEnabled: true, reminders: [], ...times };
    const stored = JSON.parse(JSON.stringify(operation()));
    const read = StoredOperation.parse({ ...stored, recovery: { ...recovery, canceled } });
    expect(read.canceled).toEqual(canceled);
    expect(read.recovery).toEqual(recovery);
  });

  const asStored = (value: object): Record<string, unknown> => JSON.parse(JSON.stringify(value));

  it('is read with the present names of its fields', () => {
    const next = { ...operation().cause, messageId: 'm-2' };
    const asked = { by: 'ann', reason: 'does not pay' };
    const read = StoredOperation.parse({
      ...asStored(operation()),
      next,
      waitsBelow: true,
      lifecycle: { asked },
    });
    expect(read).toMatchObject({
      nextDeletion: next,
      waitsForChildProjects: true,
      lifecycle: { request: asked },
    });
    for (const oldName of ['next', 'waitsBelow']) expect(read).not.toHaveProperty(oldName);
    expect(read.lifecycle).not.toHaveProperty('asked');
  });

  it('has tasks that are read with the present names of their fields', () => {
    const {
      distinctIdCounts: _,
      totalRetryAfterMillis: __,
      ...stored
    } = asStored(task(operation().id, 'neutron'));
    const read = StoredTask.parse({
      ...stored,
      partial: { state: 'done', awaiting: ['nova'], endedBefore: 3 },
      distinct: { 'neutron.port': 7 },
      askedWaitMillis: 5000,
    });
    expect(read.partialRun).toEqual({ state: 'done', awaitedServices: ['nova'], nextRun: 3 });
    expect(read.distinctIdCounts).toEqual({ 'neutron.port': 7 });
    expect(read.totalRetryAfterMillis).toBe(5000);
    for (const oldName of ['partial', 'distinct', 'askedWaitMillis'])
      expect(read).not.toHaveProperty(oldName);
  });

  it('keeps the value of the present name if both names are stored', () => {
    const nextDeletion = { ...operation().cause, messageId: 'm-3' };
    const next = { ...operation().cause, messageId: 'm-2' };
    expect(
      StoredOperation.parse({ ...asStored(operation()), nextDeletion, next }).nextDeletion,
    ).toEqual(nextDeletion);
  });
});
