import { UsageError } from '../terminal.ts';
import { isLoopback } from '../token.ts';

/** Newer releases of Keystone accept 225 characters. The column of its database has 255. */
const MAX_URL_LENGTH = 225;

/**
 * Returns the URL of an API as the catalog shows it, without a slash at the end. Throws
 * {@link UsageError} for a URL that no command could call safely.
 */
export function catalogUrl(givenUrl: string): string {
  const urlError = (why: string): UsageError => new UsageError(`--url ${givenUrl}: ${why}`);
  const url = URL.parse(givenUrl);
  if (!url || !/^https?:$/.test(url.protocol))
    throw urlError('give a complete URL, for example https://propagator.example.org:8787');
  const refusal = refusalOf(url, givenUrl);
  if (refusal !== undefined) throw urlError(refusal);
  const path = url.pathname.replace(/\/+$/, '');
  if (/\/v\d+$/.test(path)) throw urlError('remove the version at its end');
  const text = `${url.origin}${path}`;
  if (text.length > MAX_URL_LENGTH) throw urlError(`it has more than ${MAX_URL_LENGTH} characters`);
  return text;
}

/** Returns why the catalog must not contain this URL, or `undefined` if it may. */
function refusalOf(url: URL, givenUrl: string): string | undefined {
  if (url.username !== '' || url.password !== '')
    return 'every user of the cloud could read the password in it';
  if (url.search !== '' || url.hash !== '') return 'remove the part from ? or # on';
  // Keystone replaces `$(…)s` and `%(…)s`, and hides an endpoint with any other `%`.
  if (/[$%]/.test(givenUrl)) return 'Keystone would replace the part after $ or %';
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    return 'use https://, because the tokens of the callers would be sent unencrypted';
  return undefined;
}
