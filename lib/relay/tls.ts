import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { type Settings, settingError } from '../shared/settings.ts';

/** TLS options for the broker, as in Node's `tls.connect`. */
export interface BrokerTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

export type TlsSettings = Pick<
  Settings,
  | 'RABBITMQ_URL'
  | 'RABBITMQ_CA_FILE'
  | 'RABBITMQ_CERT_FILE'
  | 'RABBITMQ_KEY_FILE'
  | 'RABBITMQ_SERVER_NAME'
>;
const TLS_SETTINGS = [
  'RABBITMQ_CA_FILE',
  'RABBITMQ_CERT_FILE',
  'RABBITMQ_KEY_FILE',
  'RABBITMQ_SERVER_NAME',
] as const;

/**
 * Returns the TLS options, with the content of the files that the settings name. Throws
 * `PropagatorError` with one line that names the wrong setting: its file cannot be read or does not
 * contain the expected PEM object, or the setting has no effect without another setting.
 */
export function brokerTls(settings: TlsSettings): BrokerTls {
  const firstGivenSetting = TLS_SETTINGS.find((name) => settings[name] !== undefined);
  if (firstGivenSetting === undefined) return {};
  if (!settings.RABBITMQ_URL?.every((url) => url.startsWith('amqps:')))
    throw settingError(
      firstGivenSetting,
      'this setting requires TLS; begin RABBITMQ_URL with amqps://',
    );
  const ca = readPem(settings, 'RABBITMQ_CA_FILE', 'CERTIFICATE');
  const cert = readPem(settings, 'RABBITMQ_CERT_FILE', 'CERTIFICATE');
  const key = readPem(settings, 'RABBITMQ_KEY_FILE', 'PRIVATE KEY');
  checkClientCertificate(cert, key);
  const servername = settings.RABBITMQ_SERVER_NAME;
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(servername !== undefined && { servername }),
  };
}

/** Throws if a certificate or a key was given without the other, or if they do not match. */
function checkClientCertificate(cert: string | undefined, key: string | undefined): void {
  if (cert === undefined && key === undefined) return;
  if (key === undefined)
    throw settingError(
      'RABBITMQ_CERT_FILE',
      'also set RABBITMQ_KEY_FILE, the private key of this certificate',
    );
  if (cert === undefined)
    throw settingError(
      'RABBITMQ_KEY_FILE',
      'also set RABBITMQ_CERT_FILE, the certificate of this key',
    );
  try {
    createSecureContext({ cert, key });
  } catch {
    throw settingError(
      'RABBITMQ_KEY_FILE',
      'the key does not match RABBITMQ_CERT_FILE, or it needs a passphrase',
    );
  }
}

function readPem(
  settings: TlsSettings,
  name: (typeof TLS_SETTINGS)[number],
  expected: 'CERTIFICATE' | 'PRIVATE KEY',
): string | undefined {
  const path = settings[name];
  if (path === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw settingError(name, `the file ${path} cannot be read`);
  }
  if (new RegExp(`-----BEGIN [A-Z ]*${expected}-----`).test(text)) return text;
  throw settingError(name, `${path} contains no ${expected.toLowerCase()} in PEM format`);
}
