import { join } from 'node:path';
import type { ApiToken } from '../api/authentication.ts';
import { openTokenFile, TOKEN_FILE } from '../api/token-file.ts';
import type { Settings } from '../shared/settings.ts';

/**
 * Returns the tokens that the API accepts: the tokens of `PROPAGATOR_API_TOKENS` and the token of
 * the token file. If `PROPAGATOR_API_TOKENS` is set and `PROPAGATOR_API_TOKEN_FILE` is not set, no
 * file is used. The propagator can then run on a read-only file system. Throws the errors of {@link
 * openTokenFile}.
 */
export function apiTokens(settings: Settings): readonly ApiToken[] {
  const { PROPAGATOR_API_TOKENS: configuredTokens, PROPAGATOR_API_TOKEN_FILE: tokenFile } =
    settings;
  if (tokenFile === undefined && configuredTokens.length > 0) return configuredTokens;
  return [
    ...configuredTokens,
    openTokenFile(tokenFile ?? join(settings.PROPAGATOR_DATA, TOKEN_FILE)),
  ];
}
