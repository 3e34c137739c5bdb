import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import * as z from 'zod';
import { Disposition, type Table } from '../project-columns/dispositions.ts';

/** Collections with the same disposition. The other fields of a group are the disposition. */
const Group = z.looseObject({ collections: z.array(z.string()) });
const File = z.record(z.string(), z.array(Group));

/** Returns the entries of one service. Throws if a collection has two entries. */
function tableOf(service: string, groups: readonly z.infer<typeof Group>[]): Table[string] {
  const entries: Table[string] = {};
  for (const { collections, ...disposition } of groups)
    for (const collection of collections) {
      if (entries[collection] !== undefined)
        throw new Error(`two entries for ${service} ${collection}`);
      entries[collection] = Disposition.parse(disposition);
    }
  return entries;
}

const FILE = new URL('dispositions.yaml', import.meta.url);
/** Reads the effect of the deletion of a project on each API collection, by service. */
export const readRoutes = (): Table =>
  Object.fromEntries(
    Object.entries(File.parse(parse(readFileSync(FILE, 'utf8')))).map(([service, groups]) => [
      service,
      tableOf(service, groups),
    ]),
  );
