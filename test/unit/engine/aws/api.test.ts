import { describe, expect, it } from '@jest/globals';
import { limitResponseSize } from '../../../../lib/app/lambda/answer-api.ts';

describe('an answer of the API on Lambda', () => {
  const answer = (characters: number) => ({
    statusCode: 200,
    headers: {},
    body: 'x'.repeat(characters),
    isBase64Encoded: false,
  });

  it('becomes an error with the advice to request less if it is too large for Lambda', () => {
    const small = answer(5_900_000);
    expect(limitResponseSize(small)).toBe(small);
    const large = limitResponseSize(answer(6_100_000));
    expect(large).toMatchObject({
      statusCode: 413,
      headers: { 'content-type': 'application/json' },
    });
    expect(JSON.parse(large.body)).toMatchObject({
      error: { code: 'api.too-much', message: expect.stringContaining('limit') },
    });
  });

  it('is measured as Lambda encodes it, with two characters for each quote', () => {
    expect(limitResponseSize({ ...answer(0), body: '"'.repeat(3_100_000) })).toMatchObject({
      statusCode: 413,
    });
  });
});
