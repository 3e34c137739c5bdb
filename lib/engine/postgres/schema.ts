import { EMPTY_LOG_HEAD } from '../../audit/entry.ts';
import { type Database, engineError } from './database.ts';

/**
 * The schema of the tables of pg-boss. It differs from the default of pg-boss, because another
 * program may use pg-boss in the same database.
 */
export const BOSS_SCHEMA = 'propagator_queue';

/** The tables with rows that change often. The embedded database vacuums only these. */
export const BUSY_TABLES = [
  `${BOSS_SCHEMA}.job_common`,
  `${BOSS_SCHEMA}.queue`,
  'propagator.operation',
  'propagator.task',
  'propagator.account',
  'propagator.counter',
  'propagator.quarantine',
  'propagator.seen',
  'propagator.document',
];

/**
 * Returns a subquery that counts started operations. PostgreSQL uses the index `operation_counted`
 * for it. The parameters are SQL expressions.
 */
export const countStartedSql = (since: string, scopeType: string, action: string): string =>
  `(SELECT count(*)::int FROM propagator.operation started
    WHERE started.is_counted AND started.started_at >= ${since}
      AND started.scope_type = ${scopeType} AND started.action = ${action})`;

/**
 * The migrations of the propagator's own tables, in order. Never change a released migration. A
 * release with a newer version of the pg-boss tables also needs a migration here, even an empty
 * one: an older release refuses a database only if the database has more migrations than that
 * release.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE propagator.operation (
    id text PRIMARY KEY,
    scope_type text NOT NULL,
    scope_id text NOT NULL,
    domain_id text,
    parent_id text,
    mode text NOT NULL,
    state text NOT NULL,
    generation int NOT NULL,
    opened_at double precision NOT NULL,
    started_at double precision,
    version int NOT NULL,
    body jsonb NOT NULL
  );
  CREATE INDEX operation_scope ON propagator.operation (scope_type, scope_id);
  CREATE INDEX operation_domain ON propagator.operation (domain_id);
  CREATE INDEX operation_parent ON propagator.operation (parent_id) WHERE parent_id IS NOT NULL;
  CREATE INDEX operation_state ON propagator.operation (state, opened_at);
  CREATE INDEX operation_opened ON propagator.operation (opened_at);
  CREATE INDEX operation_started ON propagator.operation (started_at) WHERE started_at IS NOT NULL;

  CREATE TABLE propagator.task (
    id text PRIMARY KEY,
    operation_id text NOT NULL,
    state text NOT NULL,
    version int NOT NULL,
    body jsonb NOT NULL
  );
  CREATE INDEX task_operation ON propagator.task (operation_id);

  CREATE TABLE propagator.account (
    type text NOT NULL,
    id text NOT NULL,
    domain_id text,
    body jsonb NOT NULL,
    PRIMARY KEY (type, id)
  );
  CREATE INDEX account_domain ON propagator.account (domain_id) WHERE type = 'project';

  CREATE TABLE propagator.seen (
    id text PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now()
  );

  CREATE TABLE propagator.quarantine (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    record jsonb NOT NULL
  );

  CREATE TABLE propagator.counter (
    name text PRIMARY KEY,
    value bigint NOT NULL
  );
  `,
  `
  CREATE TABLE propagator.waiver (
    type text PRIMARY KEY,
    body jsonb NOT NULL
  );
  CREATE INDEX account_members ON propagator.account USING gin ((body->'members'))
    WHERE type = 'project';
  `,
  `
  CREATE TABLE propagator.decision (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    operation_id text,
    body jsonb NOT NULL
  );
  CREATE INDEX decision_operation ON propagator.decision (operation_id)
    WHERE operation_id IS NOT NULL;
  `,
  `
  ALTER TABLE propagator.account ADD COLUMN folded text;
  UPDATE propagator.account SET folded = lower(id);
  CREATE INDEX account_folded ON propagator.account (type, folded);
  CREATE INDEX account_suspicion ON propagator.account (id) WHERE body ? 'suspicion';
  `,
  `
  CREATE TABLE propagator.stop_decision (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body jsonb NOT NULL
  );
  `,
  `
  CREATE TABLE propagator.document (
    id text PRIMARY KEY,
    collection text NOT NULL,
    partition text NOT NULL,
    key text NOT NULL,
    version int NOT NULL,
    body jsonb NOT NULL
  );
  CREATE INDEX document_partition ON propagator.document (collection, partition);
  `,
  `
  CREATE TABLE propagator.audit (
    sequence bigint PRIMARY KEY,
    body text NOT NULL
  );
  CREATE TABLE propagator.audit_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    sequence bigint NOT NULL,
    hash text NOT NULL
  );
  INSERT INTO propagator.audit_head (sequence, hash) VALUES (0, '${EMPTY_LOG_HEAD.hash}');
  CREATE FUNCTION propagator.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$;
  CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON propagator.audit
    FOR EACH STATEMENT EXECUTE FUNCTION propagator.refuse_audit_change();
  `,
  // Each step counts operations for the hourly cap. The index contains all columns of this count,
  // so PostgreSQL does not unpack the body of each started operation. An index on expressions over
  // the body would be written at each update of an operation. The values of the generated columns
  // stay the same, so their index is not written.
  `
  ALTER TABLE propagator.operation
    ADD COLUMN action text GENERATED ALWAYS AS (body->>'action') STORED,
    ADD COLUMN is_counted boolean GENERATED ALWAYS AS
      (mode = 'enforce' AND NOT body->'cause' ? 'suspicious') STORED;
  CREATE INDEX operation_counted ON propagator.operation (scope_type, action, started_at)
    WHERE is_counted AND started_at IS NOT NULL;
  DROP INDEX propagator.operation_started;
  `,
];

/**
 * Migrates the propagator's own tables to this release. The caller must exclude other processes.
 * Throws `engine.schema.newer` if a newer release has already migrated the database.
 */
export async function migrate(database: Database): Promise<void> {
  await database.runScript(`
    CREATE SCHEMA IF NOT EXISTS propagator;
    CREATE TABLE IF NOT EXISTS propagator.migration (
      version int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())
  `);
  const [row] = await database.query(
    'SELECT coalesce(max(version), 0)::int AS version FROM propagator.migration',
  );
  const storedVersion = Number(row?.version);
  if (storedVersion > MIGRATIONS.length)
    throw engineError(
      'schema.newer',
      `The database has schema version ${storedVersion}; this release supports up to ` +
        `${MIGRATIONS.length}.`,
      'Run the newer release that migrated the database, or give this release a separate database.',
    );
  for (const [index, statements] of MIGRATIONS.entries())
    if (index >= storedVersion)
      await database.runScript(
        `BEGIN; ${statements}; INSERT INTO propagator.migration (version) VALUES ` +
          `(${index + 1}); COMMIT`,
      );
}
