import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/**
 * Writes certificates with their keys to `folder`: `ca.pem`, `other-ca.pem`, and `server.pem` and
 * `client.pem`, which `ca.pem` signed. `client-both.pem` has the certificate and the key of the
 * client. `names` is the `subjectAltName` of the signed certificates, for example
 * `IP:127.0.0.1,DNS:localhost`.
 */
export function makeCertificates(folder: string, names: string): void {
  const openssl = (...args: string[]): void =>
    void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const keyAndName = (name: string): string[] => [
    ...NEW_KEY,
    ...['-keyout', `${name}.key`, '-subj', `/CN=${name}`],
  ];
  for (const name of ['ca', 'other-ca'])
    openssl('req', '-x509', '-days', '2', ...keyAndName(name), '-out', `${name}.pem`);
  writeFileSync(join(folder, 'names'), `subjectAltName=${names}\n`);
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
  for (const name of ['server', 'client']) {
    openssl('req', ...keyAndName(name), '-out', `${name}.csr`);
    const files = ['-in', `${name}.csr`, '-out', `${name}.pem`];
    openssl('x509', '-req', ...files, ...signed, '-extfile', 'names');
  }
  const client = ['client.pem', 'client.key'].map((name) => readFileSync(join(folder, name)));
  writeFileSync(join(folder, 'client-both.pem'), Buffer.concat(client));
}
