import { describe, expect, it } from '@jest/globals';
import { createPreparedQueries } from '../../../lib/engine/postgres/prepared.ts';

describe('prepared statements', () => {
  it('have a name from the third run on, and keep their text and values', () => {
    const toQuery = createPreparedQueries();
    const names = [1, 2, 3, 4].map((value) => toQuery('SELECT $1', [value]).name);
    expect(names.slice(0, 2)).toEqual([undefined, undefined]);
    expect(names[2]).toMatch(/^[0-9a-f]{32}$/);
    expect(names[3]).toBe(names[2]);
    expect(toQuery('SELECT $1', [5])).toMatchObject({ text: 'SELECT $1', values: [5] });
  });

  it('have different names for different texts', () => {
    const toQuery = createPreparedQueries();
    const nameOf = (sql: string) => [1, 2, 3].map(() => toQuery(sql, []).name).at(-1);
    expect(nameOf('SELECT 1')).not.toBe(nameOf('SELECT 2'));
  });

  it('are limited in number: further statements run without a name', () => {
    const toQuery = createPreparedQueries();
    const nameOf = (sql: string) => [1, 2, 3].map(() => toQuery(sql, []).name).at(-1);
    const names = Array.from({ length: 400 }, (_, index) => nameOf(`SELECT ${index}`));
    expect(names.filter((name) => name !== undefined)).toHaveLength(300);
    expect(nameOf('SELECT 0')).toBe(names[0]);
  });

  it('are counted for at most 1000 statements, so that the count does not grow', () => {
    const toQuery = createPreparedQueries();
    for (let index = 0; index <= 1000; index += 1) toQuery(`SELECT ${index}`, []);
    const names = [1, 2, 3].map(() => toQuery('SELECT 0', []).name);
    expect(names).toEqual([undefined, undefined, expect.any(String)]);
  });
});
