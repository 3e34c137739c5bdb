import { describe, expect, it } from '@jest/globals';
import { brokerFailure } from '../../../lib/relay/failure.ts';

const SOURCE = { mode: 'topic', queue: 'keystone.info' } as const;
const codeOf = (text: string): string =>
  brokerFailure(new Error(text), SOURCE, 'amqps://guest:guest@rabbit:5671/', false).report.code;

describe('a failure of the broker', () => {
  it.each([
    [
      '403D4AD6CB7F0000:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required',
    ],
    ['000040351F7F0000:error:0A000086:SSL routines:tls_post_process_server_certificate'],
    ['self-signed certificate in certificate chain'],
  ])('is about TLS, also if a number of OpenSSL contains 403: %s', (text) => {
    expect(codeOf(text)).toBe('rabbitmq.tls');
  });

  it.each([
    ['Channel closed by server: 403 (ACCESS-REFUSED) with message "access refused"'],
    ['Operation failed: QueueDeclare; 403 (ACCESS_REFUSED)'],
    ['Connection closed: 530 (NOT_ALLOWED)'],
  ])('is about the permissions: %s', (text) => {
    expect(codeOf(text)).toBe('rabbitmq.denied');
  });
});
