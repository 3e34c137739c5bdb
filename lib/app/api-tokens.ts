import { join } from 'node:path';
import type { ApiToken } from '../api/authentication.ts';
import { openTokenFile, TOKEN_FILE } from '../api/token-file.ts';
import type { Settings } from '../shared/settings.ts';

/**
 * Returns the tokens that the API accepts: those of `PROPAGATOR_API_TOKENS`, and the one in the
 * token file. With named tokens and without `PROPAGATOR_API_TOKEN_FILE` no file is read or written,
 * so that a container with a read-only file system works. Throws `PropagatorError` as
 * {@link openTokenFile} does.
 */
export function apiTokens(settings: Settings): readonly ApiToken[] {
  const { PROPAGATOR_API_TOKENS: named, PROPAGATOR_API_TOKEN_FILE: file } = settings;
  if (file === undefined && named.length > 0) return named;
  return [...named, openTokenFile(file ?? join(settings.PROPAGATOR_DATA, TOKEN_FILE))];
}
