import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { settingError } from '../shared/settings.ts';
import type { ApiToken } from './authentication.ts';

const TOKEN_FILE_SETTING = 'PROPAGATOR_API_TOKEN_FILE';
/** The name of the file in the data folder. */
export const TOKEN_FILE = 'api-token';
const OTHERS_MODE_BITS = 0o077;
export const TOKEN_PATTERN = /^[A-Za-z0-9._~+/-]{32,200}=*$/;

/**
 * Reads the token in this file. The name of the token is the user that owns the file. A missing
 * file is created with a new token, readable only by its owner. Throws `PropagatorError` for a file
 * that cannot be read or created, that another user owns or may read, or that contains no token.
 */
export function openTokenFile(path: string): ApiToken {
  createIfMissing(path);
  const file = callOrThrowSettingError(path, 'be read', () => openSync(path, 'r'));
  try {
    const { mode, uid } = fstatSync(file);
    if (process.getuid && uid !== process.getuid())
      throw settingError(
        TOKEN_FILE_SETTING,
        `${path} belongs to another user (uid ${uid}); name a file of the user that runs the ` +
          'propagator',
      );
    if ((mode & OTHERS_MODE_BITS) !== 0)
      throw settingError(
        TOKEN_FILE_SETTING,
        `other users can read or change ${path}; run: chmod 600 ${path}`,
      );
    const token = readFileSync(file, 'utf8').trim();
    if (!TOKEN_PATTERN.test(token))
      throw settingError(
        TOKEN_FILE_SETTING,
        `${path} contains no token; delete the file, and the next start creates a new one`,
      );
    return { name: currentUserName(uid), token };
  } finally {
    closeSync(file);
  }
}

/** Creates the file atomically, so that two processes that start together use the same token. */
function createIfMissing(path: string): void {
  if (existsSync(path)) return;
  const temporaryPath = `${path}.${process.pid}`;
  callOrThrowSettingError(path, 'be created', () => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(temporaryPath, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
    try {
      linkSync(temporaryPath, path);
    } catch (thrown) {
      if (errorCodeOf(thrown) !== 'EEXIST') throw thrown;
    } finally {
      unlinkSync(temporaryPath);
    }
  });
}

/**
 * Calls `work`. Converts its error to an error of the setting, with the text `PATH cannot VERB`.
 */
function callOrThrowSettingError<T>(
  path: string,
  verb: 'be read' | 'be created',
  work: () => T,
): T {
  try {
    return work();
  } catch (thrown) {
    throw settingError(
      TOKEN_FILE_SETTING,
      `${path} cannot ${verb} (${errorCodeOf(thrown)}); name a file in a folder that this user ` +
        'can write to, or set PROPAGATOR_API_TOKENS',
    );
  }
}

const errorCodeOf = (thrown: unknown): string =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown
    ? String(thrown.code)
    : 'unknown';

/**
 * Returns the name of the user that runs this process. In a container the user may have no name.
 * The result is then the id of the user, which is `uid`.
 */
function currentUserName(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${uid}`;
  }
}
