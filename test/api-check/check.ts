/**
 * `npm run api:check`: tries every route of the API against the OpenAPI document with schemathesis
 * from PyPI. No answer may be 5xx, and every answer must be in the document. The API listens on
 * loopback, over an engine in memory and a cloud in memory. The requests are the same in each run.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveHttp } from '../../lib/api/http-server.ts';
import { tokenOf } from '../api-tokens.ts';
import { apiUnderTest } from '../unit/api/api-under-test.ts';

const PACKAGE = 'schemathesis==4.32.5';
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
];
const MAX_SECONDS = 100;
const EXAMPLES_PER_OPERATION = 15;
const SEED = 1;

/** The path of `st` in a separate virtual environment, which the first call creates. */
function install(): string {
  const folder = join(tmpdir(), PACKAGE.replace('==', '-'));
  const installedMarker = join(folder, 'installed');
  if (!existsSync(installedMarker) || readFileSync(installedMarker, 'utf8') !== PACKAGE) {
    rmSync(folder, { recursive: true, force: true });
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' });
    execFileSync(join(folder, 'bin/pip'), ['install', '-q', PACKAGE], { stdio: 'inherit' });
    writeFileSync(installedMarker, PACKAGE);
  }
  return join(folder, 'bin/st');
}

const st = install();
const { app, lines } = apiUnderTest();
const server = await serveHttp(app, 0);
const base = `http://127.0.0.1:${server.port}`;
// Schemathesis writes the files of a run into its working folder.
const folder = mkdtempSync(join(tmpdir(), 'api-check-'));
const options = [
  ...['--checks', CHECKS.join(',')],
  ...['--phases', 'examples,coverage,fuzzing', '--max-examples', `${EXAMPLES_PER_OPERATION}`],
  ...['--max-time', `${MAX_SECONDS}`, '--seed', `${SEED}`, '--generation-deterministic'],
  ...['--suppress-health-check', 'all'],
  // An event stream stays open for a minute, so its paths are left out.
  ...['--exclude-path-regex', '/events$'],
  ...['--continue-on-failure', '--warnings', 'off', '--no-color'],
  ...['--header', `Authorization: Bearer ${tokenOf('ann')}`],
];
const exitCode = await new Promise<number>((resolve, reject) => {
  spawn(st, ['run', `${base}/v1/openapi.json`, ...options], { cwd: folder, stdio: 'inherit' })
    .on('error', reject)
    .on('close', (childExitCode) => resolve(childExitCode ?? 1));
});
await server.close();
rmSync(folder, { recursive: true });
const errors = lines.filter(({ level }) => level === 'error');
for (const { message, fields } of errors) console.log(message, fields);
process.exitCode = exitCode === 0 && errors.length > 0 ? 1 : exitCode;
