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
/**
 * The columns of the databases of the supported releases at the time when the page was generated.
 */
export const snapshot = (): Snapshot => Snapshot.parse(JSON.parse(readFileSync(FILE, 'utf8')));
export const SNAPSHOT_FILE = FILE;

/** Nova keeps its tables in three databases. The databases of the cells have the same tables. */
const SERVICE_OF: Readonly<Record<string, string>> = { nova_api: 'nova', nova_cell0: 'nova' };

/** Names of columns that hold the id of a project, or may hold it. */
const NAMES = [
  '(^|_)(project|tenant|owner|lessee|account)(_|$)',
  '^(scope_key|external_id|target_id|member)$',
].join('|');

/**
 * `shadow_…`: the rows that Nova archived. These tables have the columns of the original tables.
 */
const QUERY = `
  SELECT table_schema, CONCAT(table_name, '.', column_name) FROM information_schema.columns
  WHERE table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')
    AND table_name NOT LIKE 'shadow\\_%' AND column_name REGEXP '${NAMES}'
  ORDER BY 1, 2`;

const run = promisify(execFile);

/**
 * Returns the result of a query as rows of texts. `socket`: that of the MariaDB with the tables of
 * all services of a test cloud, whose user `root` needs no password there.
 */
export async function query(socket: string, sql: string): Promise<string[][]> {
  const options = ['--no-defaults', `--socket=${socket}`, '--user=root', '--batch', '-N'];
  const { stdout } = await run('mariadb', [...options, '--execute', sql], { maxBuffer: 1 << 26 });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
}

/** All columns that name a project in a MariaDB of a test cloud. */
export const readColumns = (socket: string): Promise<Columns> => readBy(socket, QUERY);

async function readBy(socket: string, sql: string): Promise<Columns> {
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
const CASCADES = `
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

/** The foreign keys of a MariaDB of a test cloud that could remove rows of another project. */
export const readCascades = (socket: string): Promise<Columns> => readBy(socket, CASCADES);

/**
 * The socket of the database of the cloud that the environment names: `OPENSTACK_TEST_DATABASE`, or
 * else `mysql/sock` in the folder of the clouds.yaml. `undefined`: the database is out of reach.
 */
export function databaseSocket(env: NodeJS.ProcessEnv): string | undefined {
  const beside = `${dirname(env.OS_CLIENT_CONFIG_FILE ?? '')}/mysql/sock`;
  return env.OPENSTACK_TEST_DATABASE ?? (existsSync(beside) ? beside : undefined);
}
