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

  it.each(['action', 'state'])('with an unknown %s is refused in one line', (field) => {
    expect(refusal(field, 'archive')).toBe(
      `A stored operation has the ${field} "archive", which this release does not know.`,
    );
  });

  it('with a known action and further fields is read', () => {
    expect(refusal('action', 'suspend')).toBe('read');
    expect(refusal('field-of-a-newer-release', 'any')).toBe('read');
  });
});
