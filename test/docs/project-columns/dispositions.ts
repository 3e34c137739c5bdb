import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import * as z from 'zod';
import type { Columns } from './columns.ts';

const types = z.array(z.string()).min(1);
const reason = z.string().min(1);
export const Disposition = z.union([
  z.strictObject({ covered: types }),
  z.strictObject({ with: types }),
  z.strictObject({ keystone: z.literal(true) }),
  z.strictObject({ kept: reason }),
  z.strictObject({ none: reason }),
]);
/** The effect of the deletion of the project on the rows of one column; see dispositions.yaml. */
export type Disposition = z.infer<typeof Disposition>;
const Table = z.record(z.string(), z.record(z.string(), Disposition));
/** By service and `table.column`. */
export type Table = z.infer<typeof Table>;

const FILE = new URL('dispositions.yaml', import.meta.url);
export const readDispositions = (): Table => Table.parse(parse(readFileSync(FILE, 'utf8')));

const CASCADES_FILE = new URL('cascades.yaml', import.meta.url);
/** By service and `table.column`: why a deletion loses no row of another project. */
const Cascades = z.record(z.string(), z.record(z.string(), reason));
export type Cascades = z.infer<typeof Cascades>;
export const readReasons = (): Cascades =>
  Cascades.parse(parse(readFileSync(CASCADES_FILE, 'utf8')));

/** `service table.column` of every foreign key without a reason. */
export const withoutReason = (reasons: Cascades, found: Columns): string[] =>
  Object.entries(found).flatMap(([service, names]) =>
    names
      .filter((name) => reasons[service]?.[name] === undefined)
      .map((name) => `${service} ${name}`),
  );

/** The entry for `table.column`, or the entry for all columns of the table. */
function entryFor(table: Table, service: string, column: string): string | undefined {
  const entries = table[service] ?? {};
  return [column, `${column.split('.')[0]}.*`].find((key) => entries[key] !== undefined);
}

export function dispositionOf(
  table: Table,
  service: string,
  column: string,
): Disposition | undefined {
  const key = entryFor(table, service, column);
  return key === undefined ? undefined : table[service]?.[key];
}

/** `service table.column` of every column that has no disposition. */
export function undisposed(table: Table, columns: Columns): string[] {
  return Object.entries(columns).flatMap(([service, names]) =>
    names
      .filter((name) => entryFor(table, service, name) === undefined)
      .map((name) => `${service} ${name}`),
  );
}

/** `service entry` of every entry that no column of any release has. */
export function unused(table: Table, releases: readonly Columns[]): string[] {
  const used = new Set(
    releases.flatMap((columns) =>
      Object.entries(columns).flatMap(([service, names]) =>
        names.map((name) => `${service} ${entryFor(table, service, name)}`),
      ),
    ),
  );
  return Object.entries(table).flatMap(([service, entries]) =>
    Object.keys(entries)
      .map((key) => `${service} ${key}`)
      .filter((key) => !used.has(key)),
  );
}

/** The full names of the resource types that the table mentions: `nova.server`. */
export function mentionedTypes(table: Table): string[] {
  return Object.entries(table).flatMap(([service, entries]) =>
    Object.values(entries)
      .flatMap((one) => ('covered' in one ? one.covered : 'with' in one ? one.with : []))
      .map((name) => (name.includes('.') ? name : `${service}.${name}`)),
  );
}
