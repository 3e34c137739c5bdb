import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Authentication } from '../api/authentication.ts';
import type { ListenOptions } from '../api/http-server.ts';
import type { Cloud } from '../openstack/cloud.ts';
import type { Log } from '../shared/log.ts';
import { type Settings, settingError } from '../shared/settings.ts';
import { apiTokens } from './api-tokens.ts';
import { keystoneAuthenticationOf } from './keystone-access.ts';

const LOOPBACK_ADDRESS = /^(127\.\d+\.\d+\.\d+|::1)$/;

/**
 * Returns the address and the TLS options of the API. Throws `PropagatorError` if the address is
 * not loopback and Keystone does not authenticate the callers. Also throws if the certificate or
 * the key cannot be used.
 */
export function apiListenOptions(settings: Settings, log: Log): ListenOptions {
  const { PROPAGATOR_API_ADDRESS: address, PROPAGATOR_API_AUTH: authMethod } = settings;
  const isLoopback = LOOPBACK_ADDRESS.test(address);
  if (!isLoopback && authMethod !== 'keystone')
    throw settingError(
      'PROPAGATOR_API_ADDRESS',
      `the API listens on ${address} only with PROPAGATOR_API_AUTH=keystone`,
    );
  const tls = tlsOf(settings);
  if (!isLoopback && !tls)
    log.warn(
      { address },
      'the API listens without TLS: put a proxy with TLS in front of it, or set ' +
        'PROPAGATOR_API_CERT_FILE and PROPAGATOR_API_KEY_FILE',
    );
  return { address, tls };
}

/**
 * Returns the authentication method of the API. `authUrl`: the Keystone URL at which the propagator
 * logs in. Throws `PropagatorError` when the token file cannot be used.
 */
export function apiAuthentication(
  settings: Settings,
  authUrl: string,
  cloud: Pick<Cloud, 'validateToken'>,
): Authentication {
  if (settings.PROPAGATOR_API_AUTH === 'token')
    return { by: 'tokens', tokens: apiTokens(settings) };
  return keystoneAuthenticationOf(settings, authUrl, cloud);
}

function tlsOf({
  PROPAGATOR_API_CERT_FILE: certFile,
  PROPAGATOR_API_KEY_FILE: keyFile,
}: Settings): ListenOptions['tls'] {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined)
    throw settingError('PROPAGATOR_API_CERT_FILE', 'set it together with PROPAGATOR_API_KEY_FILE');
  if (keyFile === undefined)
    throw settingError('PROPAGATOR_API_KEY_FILE', 'set it together with PROPAGATOR_API_CERT_FILE');
  const tls = {
    cert: readPemFile('PROPAGATOR_API_CERT_FILE', certFile),
    key: readPemFile('PROPAGATOR_API_KEY_FILE', keyFile),
  };
  if (!isMatchingPair(tls))
    throw settingError(
      'PROPAGATOR_API_CERT_FILE',
      `${certFile} and ${keyFile} are not a PEM certificate and its key`,
    );
  return tls;
}

/**
 * True if the key belongs to the certificate. Returns false if OpenSSL cannot read one of them: the
 * caller then throws an error that names the files, which the error of OpenSSL does not name.
 */
function isMatchingPair({ cert, key }: { readonly cert: string; readonly key: string }): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

function readPemFile(setting: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw settingError(setting, `there is no readable file ${path}`);
  }
}
