import { UsageError } from '../terminal.ts';
import { isLoopback } from '../token.ts';

/** Keystone's column has 255 characters, and its newer API accepts 225. */
const MAX_CHARACTERS = 225;

/**
 * Returns the URL of an API as the catalog shows it, without a slash at the end. Throws
 * {@link UsageError} for a URL that no command could call safely.
 */
export function apiUrl(given: string): string {
  const wrong = (why: string): UsageError => new UsageError(`--url ${given}: ${why}`);
  const url = URL.parse(given);
  if (!url || !/^https?:$/.test(url.protocol))
    throw wrong('give a complete URL, for example https://propagator.example.org:8787');
  if (url.username !== '' || url.password !== '')
    throw wrong('every user of the cloud could read the password in it');
  if (url.search !== '' || url.hash !== '') throw wrong('remove the part from ? or # on');
  // Keystone replaces `$(…)s` and `%(…)s`, and hides an endpoint with any other `%`.
  if (/[$%]/.test(given)) throw wrong('Keystone would replace the part after $ or %');
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw wrong('use https://, because the tokens of the callers would be sent unencrypted');
  const path = url.pathname.replace(/\/+$/, '');
  if (/\/v\d+$/.test(path)) throw wrong('remove the version at its end');
  const text = `${url.origin}${path}`;
  if (text.length > MAX_CHARACTERS) throw wrong(`it has more than ${MAX_CHARACTERS} characters`);
  return text;
}
