import type { Call, Reply } from './http.ts';

/** One collection of Keystone: all rows in one answer, without a next page. */
export const collection = (call: Call, key: string, rows: unknown[]): Reply => ({
  status: 200,
  json: {
    [key]: rows,
    links: { next: null, self: call.base + call.path + call.search, previous: null },
  },
});

/** True if the value of a row matches the query, or if the query lacks the field. */
export const agrees = (call: Call, name: string, value: unknown): boolean => {
  const wanted = call.query.get(name);
  return wanted === null || wanted.toLowerCase() === String(value).toLowerCase();
};
