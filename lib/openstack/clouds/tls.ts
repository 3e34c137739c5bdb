import { createSecureContext } from 'node:tls';
import { credentialsError } from '../credentials-error.ts';
import type { Tls } from '../transport.ts';
import type { CredentialSources } from './files.ts';
import type { CloudConfig } from './normalize-config.ts';

/**
 * Reads the TLS options `verify`, `insecure`, `cacert`, `cert` and `key`, like openstacksdk. With
 * `verify: false`, the CA file is not read. Throws an error that names the field and the file.
 */
export function readTls(sources: CredentialSources, cloud: CloudConfig): Tls {
  const verify = verifiesCertificates(sources, cloud);
  const client = clientCertificate(sources, cloud);
  const authorityFile = verify ? caFile(sources, cloud) : undefined;
  const ca = authorityFile && readPem(sources, authorityFile.path, authorityFile.field);
  if (authorityFile && !ca?.includes('-----BEGIN'))
    throw credentialsError(
      `${authorityFile.field}: ${authorityFile.path} contains no certificate in PEM format`,
    );
  return { ca, verify, ...client };
}

function verifiesCertificates(
  { env }: CredentialSources,
  { fields, settingName }: CloudConfig,
): boolean {
  if (/^(true|yes|1|on)$/i.test(env.OS_INSECURE ?? '')) return false;
  if (/^true$/i.test(String(fields.insecure ?? ''))) return false;
  const { verify } = fields;
  if (verify === undefined || verify === null || typeof verify === 'boolean') return verify ?? true;
  throw credentialsError(`${settingName('verify')} must be true or false, without quotes`);
}

/**
 * Returns the path of the CA file, and the setting that names it: `cacert`, or otherwise a variable
 * of Python tools (`REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`).
 */
function caFile(
  { env }: CredentialSources,
  { fields, settingName }: CloudConfig,
): { path: string; field: string } | undefined {
  const path = filePath(fields.cacert, settingName('cacert'));
  if (path) return { path, field: settingName('cacert') };
  const variable = ['REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'].find((one) => env[one]);
  return (variable && { path: env[variable] ?? '', field: variable }) || undefined;
}

function clientCertificate(
  sources: CredentialSources,
  { fields, settingName }: CloudConfig,
): Pick<Tls, 'cert' | 'key'> {
  const certPath = filePath(fields.cert, settingName('cert'));
  const keyPath = filePath(fields.key, settingName('key'));
  if (!certPath) {
    if (keyPath)
      throw credentialsError(`${settingName('key')} is set without ${settingName('cert')}`);
    return {};
  }
  const cert = readPem(sources, certPath, settingName('cert'));
  const key = keyPath ? readPem(sources, keyPath, settingName('key')) : cert;
  if (!key.includes('PRIVATE KEY-----'))
    throw credentialsError(
      keyPath
        ? `${settingName('key')}: ${keyPath} contains no private key in PEM format`
        : `${settingName('cert')}: ${certPath} contains no private key; set ` +
            `${settingName('key')} to its file`,
    );
  try {
    createSecureContext({ cert, key });
  } catch {
    throw credentialsError(
      `${settingName('cert')}: ${certPath} and its key do not match, or the key has a passphrase`,
    );
  }
  return { cert: certificatesIn(cert), key: () => key };
}

function filePath(value: unknown, field: string): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw credentialsError(`${field} is not the path of a file`);
}

function readPem(sources: CredentialSources, path: string, field: string): string {
  const content = sources.readFile(path.replace(/^~(?=\/)/, sources.home));
  if (content !== undefined) return content;
  throw credentialsError(`${field}: there is no readable file ${path}`);
}

/** Returns only the certificates of a PEM file, which may also contain the key. */
const certificatesIn = (pem: string): string =>
  pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g)?.join('\n') ?? pem;
