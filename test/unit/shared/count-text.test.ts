import { countText } from '../../../lib/shared/count-text.ts';

describe('a number with its noun', () => {
  it.each([
    [0, '0 messages'],
    [1, '1 message'],
    [2, '2 messages'],
  ])('has the plural unless the number is 1 (%s)', (count, expected) => {
    expect(countText(count, 'message')).toBe(expected);
  });

  it('has the given plural', () => {
    expect([1, 3].map((count) => countText(count, 'entry', 'entries'))).toEqual([
      '1 entry',
      '3 entries',
    ]);
  });
});
