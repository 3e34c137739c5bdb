import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';

/** `table.column` of every column that names a project, by service. */
export const Columns = z.record(z.string(), z.array(z.string()));
export type Columns = z.infer<typeof Columns>;
/** By release: `2022.2`. */
export const Snapshot = z.record(z.string(), Columns);
export type Snapshot = z.infer<typeof Snapshot>;

const FILE = new URL('columns.json', import.meta.url);
/** Returns the stored columns of the supported releases, which `read.ts` has recorded. */
export const snapshot = (): Snapshot => Snapshot.parse(JSON.parse(readFileSync(FILE, 'utf8')));
export const SNAPSHOT_FILE = FILE;

/** The databases of Nova, which do not have the name of the service. */
const SERVICE_OF: Readonly<Record<string, string>> = { nova_api: 'nova', nova_cell0: 'nova' };

/** A pattern for the names of columns that hold or may hold the id of a project. */
const COLUMN_NAMES = [
  '(^|_)(project|tenant|owner|lessee|account)(_|$)',
  '^(scope_key|external_id|target_id|member)$',
].join('|');

/** Omits the tables `shadow_…`, in which Nova archives rows, because they repeat other tables. */
const COLUMNS_QUERY = `
  SELECT table_schema, CONCAT(table_name, '.', column_name) FROM information_schema.columns
  WHERE table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')
    AND table_name NOT LIKE 'shadow\\_%' AND column_name REGEXP '${COLUMN_NAMES}'
  ORDER BY 1, 2`;

const run = promisify(execFile);

/**
 * Returns the result of a query as rows of texts. `socket`: the socket of the MariaDB that has the
 * tables of all services of a test cloud. Its user `root` needs no password on this socket.
 */
export async function query(socket: string, sql: string): Promise<string[][]> {
  const options = ['--no-defaults', `--socket=${socket}`, '--user=root', '--batch', '-N'];
  const { stdout } = await run('mariadb', [...options, '--execute', sql], { maxBuffer: 1 << 26 });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
}

/** Reads all columns that name a project in the MariaDB of a test cloud. */
export const readColumns = (socket: string): Promise<Columns> =>
  groupByService(socket, COLUMNS_QUERY);

/** Runs a query for schemas and columns, and returns the columns by service. */
async function groupByService(socket: string, sql: string): Promise<Columns> {
  const columns: Record<string, string[]> = {};
  for (const [schema = '', column = ''] of await query(socket, sql)) {
    const service = SERVICE_OF[schema] ?? schema;
    columns[service] = [...new Set([...(columns[service] ?? []), column])].sort();
  }
  return columns;
}

/**
 * Foreign keys that delete or empty rows together with a row that they refer to, where both tables
 * have a column that names a project.
 */
const CASCADES_QUERY = `
  SELECT DISTINCT k.table_schema, CONCAT(k.table_name, '.', k.column_name)
  FROM information_schema.key_column_usage k
  JOIN information_schema.referential_constraints r
    ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name
    AND r.table_name = k.table_name
  WHERE r.delete_rule IN ('CASCADE', 'SET NULL')
    AND ${namesProject('k.table_name')} AND ${namesProject('k.referenced_table_name')}
  ORDER BY 1, 2`;

function namesProject(table: string): string {
  return `EXISTS (SELECT 1 FROM information_schema.columns c
    WHERE c.table_schema = k.table_schema AND c.table_name = ${table}
    AND c.column_name IN ('project_id', 'tenant_id', 'owner', 'tenant', 'project'))`;
}

/** Reads the foreign keys that could remove rows of another project in a MariaDB. */
export const readCascades = (socket: string): Promise<Columns> =>
  groupByService(socket, CASCADES_QUERY);

/**
 * Returns the socket of the database of the cloud that the environment names:
 * `OPENSTACK_TEST_DATABASE`, or else `mysql/sock` in the folder of the clouds.yaml. Returns
 * `undefined` if this machine has no such socket.
 */
export function databaseSocket(env: NodeJS.ProcessEnv): string | undefined {
  const defaultSocket = `${dirname(env.OS_CLIENT_CONFIG_FILE ?? '')}/mysql/sock`;
  return env.OPENSTACK_TEST_DATABASE ?? (existsSync(defaultSocket) ? defaultSocket : undefined);
}
