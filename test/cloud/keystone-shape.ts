import type { Call, Reply } from './http.ts';

/** One collection as Keystone shows it: all rows in one answer, without a next page. */
export const collection = (call: Call, key: string, rows: unknown[]): Reply => ({
  status: 200,
  json: {
    [key]: rows,
    links: { next: null, self: call.base + call.path + call.search, previous: null },
  },
});

/** Whether a row's value matches the query, if the query has the field. */
export const agrees = (call: Call, name: string, value: unknown): boolean => {
  const wanted = call.query.get(name);
  return wanted === null || wanted.toLowerCase() === String(value).toLowerCase();
};
