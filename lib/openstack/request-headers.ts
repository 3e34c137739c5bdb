import type { RequestOptions } from '../task/service.ts';
import type { Token } from './authenticate.ts';

/**
 * How to send the microversion. With header `compute` and version `2.93`, the request has
 * `OpenStack-API-Version: compute 2.93`. A header that begins with `X-` belongs to one service and
 * contains only the version.
 */
export interface ApiVersion {
  readonly header: string;
  readonly version: string;
}

const versionHeader = ({ header, version }: ApiVersion): Record<string, string> =>
  /^x-/i.test(header)
    ? { [header.toLowerCase()]: version }
    : { 'openstack-api-version': `${header} ${version}` };

/** Returns the headers of a call. The caller's own headers replace the default `Accept`. */
export const headersOf = (
  { json, headers }: RequestOptions,
  token: Token,
  { apiVersion, userAgent }: { apiVersion: ApiVersion | undefined; userAgent: string },
): Record<string, string> => ({
  accept: 'application/json',
  ...(json === undefined ? {} : { 'content-type': 'application/json' }),
  ...(apiVersion === undefined ? {} : versionHeader(apiVersion)),
  ...withLowerCaseNames(headers),
  'user-agent': userAgent,
  'x-auth-token': token.value(),
});

const withLowerCaseNames = (headers: RequestOptions['headers']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
