import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import * as z from 'zod';
import type { Columns } from './columns.ts';

const types = z.array(z.string()).min(1);
const reason = z.string().min(1);
/** The effect of the deletion of a project on the rows of one column; see dispositions.yaml. */
export const Disposition = z.union([
  z.strictObject({ covered: types }),
  z.strictObject({ with: types }),
  z.strictObject({ keystone: z.literal(true) }),
  z.strictObject({ kept: reason }),
  z.strictObject({ none: reason }),
]);
export type Disposition = z.infer<typeof Disposition>;
const Table = z.record(z.string(), z.record(z.string(), Disposition));
/** By service and `table.column`. */
export type Table = z.infer<typeof Table>;

const FILE = new URL('dispositions.yaml', import.meta.url);
/** Reads the disposition of each column that names a project. */
export const readDispositions = (): Table => Table.parse(parse(readFileSync(FILE, 'utf8')));

const CASCADES_FILE = new URL('cascades.yaml', import.meta.url);
/** By service and foreign key (`table.column`): why a deletion loses no row of another project. */
const Cascades = z.record(z.string(), z.record(z.string(), reason));
export type Cascades = z.infer<typeof Cascades>;
export const readReasons = (): Cascades =>
  Cascades.parse(parse(readFileSync(CASCADES_FILE, 'utf8')));

/** Returns every foreign key without a reason, as `service table.column`. */
export const withoutReason = (reasons: Cascades, foreignKeys: Columns): string[] =>
  Object.entries(foreignKeys).flatMap(([service, names]) =>
    names
      .filter((name) => reasons[service]?.[name] === undefined)
      .map((name) => `${service} ${name}`),
  );

/** Returns the key of the entry for `table.column`, or for all columns of the table. */
function entryKeyOf(table: Table, service: string, column: string): string | undefined {
  const entries = table[service] ?? {};
  return [column, `${column.split('.')[0]}.*`].find((key) => entries[key] !== undefined);
}

/** Returns the disposition of one column, or `undefined` if no entry has it. */
export function dispositionOf(
  table: Table,
  service: string,
  column: string,
): Disposition | undefined {
  const key = entryKeyOf(table, service, column);
  return key === undefined ? undefined : table[service]?.[key];
}

/** Returns every column that has no disposition, as `service table.column`. */
export function undisposed(table: Table, columns: Columns): string[] {
  return Object.entries(columns).flatMap(([service, names]) =>
    names
      .filter((name) => entryKeyOf(table, service, name) === undefined)
      .map((name) => `${service} ${name}`),
  );
}

/** Returns every entry that no column of any release uses, as `service entry`. */
export function unused(table: Table, releases: readonly Columns[]): string[] {
  const used = new Set(
    releases.flatMap((columns) =>
      Object.entries(columns).flatMap(([service, names]) =>
        names.map((name) => `${service} ${entryKeyOf(table, service, name)}`),
      ),
    ),
  );
  return Object.entries(table).flatMap(([service, entries]) =>
    Object.keys(entries)
      .map((key) => `${service} ${key}`)
      .filter((key) => !used.has(key)),
  );
}

/** Returns the full names of the resource types in the table, for example `nova.server`. */
export function mentionedTypes(table: Table): string[] {
  return Object.entries(table).flatMap(([service, entries]) =>
    Object.values(entries)
      .flatMap((entry) => ('covered' in entry ? entry.covered : 'with' in entry ? entry.with : []))
      .map((name) => (name.includes('.') ? name : `${service}.${name}`)),
  );
}
