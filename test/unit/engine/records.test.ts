import { StoredOperation } from '../../../lib/engine/records.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { operation } from '../../engine/samples.ts';

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
});
