import * as fc from 'fast-check';
import { type Notification, readNotification } from '../../../lib/account/notification.ts';
import { encodeBody, MAX_BODY_BYTES, notificationReceived } from '../../../lib/account/received.ts';
import { utcMillis } from '../../../lib/account/time.ts';
import { cadf, recordedBodies } from './ingest-fixture.ts';

const read = (body: string | Uint8Array) =>
  readNotification({
    source: 'test',
    receivedAt: 0,
    ...encodeBody(typeof body === 'string' ? Buffer.from(body) : body),
  });
function readableNotification(body: string): Notification {
  const reading = read(body);
  if (reading.kind === 'unreadable') throw new Error(reading.reason);
  return reading.notification;
}
const notificationJson = (parts: object): string =>
  JSON.stringify({
    message_id: 'm',
    event_type: 'identity.project.deleted',
    payload: { resource_info: 'p' },
    ...parts,
  });

describe('the form of a notification', () => {
  it('is an envelope of version 2 that contains text', () => {
    expect(readableNotification(recordedBodies('cadf-messagingv2')[18] ?? '')).toMatchObject({
      messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      eventType: 'identity.project.deleted',
      outcome: 'success',
      accountId: expect.stringMatching(/^848d090f/),
      initiator: { name: 'admin' },
      requestId: expect.stringMatching(/^req-/),
    });
  });
  it('is an object of version 1 without an envelope', () => {
    expect(readableNotification(recordedBodies('cadf-messaging')[18] ?? '')).toMatchObject({
      eventType: 'identity.project.deleted',
      outcome: 'success',
    });
  });
  it('has a basic payload: one id and a request id', () => {
    expect(readableNotification(recordedBodies('basic-messagingv2')[18] ?? '')).toMatchObject({
      accountId: expect.stringMatching(/^14ecb972/),
      outcome: undefined,
      initiator: undefined,
      requestId: 'req-b5a5002d-76e2-4ede-90b2-fb38f244fab9',
    });
  });
  it('has no _unique_id and an empty _context if it comes from Kafka or a log', () => {
    const body = notificationJson({
      _context: {},
      publisher_id: 'identity.h',
      priority: 'INFO',
      timestamp: '2026-11-23 03:49:48',
    });
    expect(readableNotification(body)).toMatchObject({
      messageId: 'm',
      accountId: 'p',
      at: Date.UTC(2026, 10, 23, 3, 49, 48),
    });
    expect(
      readableNotification(JSON.stringify({ 'oslo.version': '2.0', 'oslo.message': body })),
    ).toEqual(readableNotification(body));
  });
  it('may lack a message_id, and the notification then gets an id that depends on the body', () => {
    const withoutId = notificationJson({ message_id: undefined });
    expect(readableNotification(withoutId).messageId).toBe(
      readableNotification(withoutId).messageId,
    );
    expect(readableNotification(withoutId).messageId).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(
      readableNotification(notificationJson({ message_id: undefined, timestamp: 'x' })).messageId,
    ).not.toBe(readableNotification(withoutId).messageId);
    expect(readableNotification(notificationJson({ message_id: 'a\u0000b' })).messageId).toMatch(
      /^sha256:/,
    );
  });
  it('is about its resource_info if a basic payload also has a target', () => {
    const payload = { resource_info: 'p1', target: { id: 'p2' } };
    expect(readableNotification(notificationJson({ payload })).accountId).toBe('p1');
  });
  it('names no initiator without the id of a user', () => {
    const payload = { resource_info: 'p1', initiator: { name: 'ann', project_id: 'p2' } };
    expect(readableNotification(notificationJson({ payload })).initiator).toBeUndefined();
  });
  it('is readable if another service sent it: it is dropped later, and not quarantined', () => {
    expect(
      readableNotification(
        notificationJson({ event_type: 'compute.instance.update', payload: { state: 'active' } }),
      ).eventType,
    ).toBe('compute.instance.update');
  });
});

describe('an unreadable notification', () => {
  it.each([
    ['', 'empty'],
    ['   ', 'empty'],
    ['not json', 'not JSON'],
    ['"text"', 'not a notification: event_type is missing or invalid'],
    ['[]', 'not a notification: event_type is missing or invalid'],
    ['{}', 'not a notification: event_type is missing or invalid'],
    [
      notificationJson({ event_type: 'a\u0007b' }),
      'not a notification: event_type is missing or invalid',
    ],
    [
      notificationJson({ event_type: 'x'.repeat(201) }),
      'not a notification: event_type is missing or invalid',
    ],
    [
      JSON.stringify({
        'oslo.version': '2.0',
        'oslo.message': notificationJson({ event_type: '' }),
      }),
      'not a notification: event_type is missing or invalid',
    ],
    [notificationJson({ payload: 'text' }), 'its payload is not an object'],
    [
      JSON.stringify({ 'oslo.version': '3.0', 'oslo.message': '{}' }),
      'an envelope of oslo.messaging whose version is not 2',
    ],
    [
      JSON.stringify({ 'oslo.version': '2.0', 'oslo.message': '{' }),
      'the text in oslo.message is not JSON',
    ],
    [
      cadf('identity.project.deleted', 'p1', { payload: { resource_info: 'p2' } }),
      'resource_info and target.id differ, which Keystone never sends',
    ],
    ['a\u0000b', 'not text: invalid UTF-8, or a NUL character'],
  ])('has a reason: %j: %s', (body, reason) =>
    expect(read(body)).toEqual({ kind: 'unreadable', reason }),
  );

  const envelope = (message: string): string =>
    JSON.stringify({ 'oslo.version': '2.0', 'oslo.message': message });
  const wrapInField = (body: string, key: string): string =>
    JSON.stringify({ [key]: JSON.parse(body) });
  const twoEnvelopesReason =
    'wrapped twice: oslo.message contains another envelope of oslo.messaging';
  const nestedReason = (form: string, path: string): string =>
    `wrapped twice: it contains a whole ${form} (in ${path}); ` +
    'send the notification of Keystone without a wrapper';
  it.each([
    [
      'an envelope in JSON that was encoded twice',
      envelope(JSON.stringify(notificationJson({}))),
      nestedReason('notification', 'oslo.message > JSON text'),
    ],
    [
      'an oslo.message in an oslo.message',
      envelope(envelope(notificationJson({}))),
      twoEnvelopesReason,
    ],
    [
      'an envelope of a forwarder',
      wrapInField(envelope(notificationJson({})), 'message'),
      nestedReason('envelope of oslo.messaging', 'message'),
    ],
    [
      'an envelope of an envelope of a forwarder',
      wrapInField(wrapInField(notificationJson({}), 'detail'), 'records'),
      nestedReason('notification', 'records > detail'),
    ],
    [
      'JSON text in a field',
      JSON.stringify({ Message: envelope(notificationJson({})) }),
      nestedReason('envelope of oslo.messaging', 'Message > JSON text'),
    ],
    [
      'JSON encoded twice',
      JSON.stringify(notificationJson({})),
      nestedReason('notification', 'JSON text'),
    ],
    [
      'a forwarder within oslo.message',
      envelope(wrapInField(notificationJson({}), 'body')),
      nestedReason('notification', 'oslo.message > body'),
    ],
  ])('has a reason when it is wrapped twice: %s', (_, body, reason) =>
    expect(read(body)).toEqual({ kind: 'unreadable', reason }),
  );

  it.each([
    [50, nestedReason('notification', 'n50')],
    [51, 'not a notification: event_type is missing or invalid'],
  ])('is searched for another notification in its first 50 fields: field %d', (place, reason) => {
    const fields = Array.from({ length: place - 1 }, (_, n) => [`n${n + 1}`, {}]);
    const wrapped = Object.fromEntries([
      ...fields,
      [`n${place}`, JSON.parse(notificationJson({}))],
    ]);
    expect(read(JSON.stringify(wrapped))).toEqual({ kind: 'unreadable', reason });
  });

  it('has a reason within a short time when it is deeply nested', () => {
    const deep = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`;
    expect(read(deep)).toMatchObject({ reason: expect.stringContaining('not a notification') });
    const wide = JSON.stringify(
      Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [n, {}])),
    );
    expect(read(wide)).toMatchObject({ reason: expect.stringContaining('not a notification') });
  });

  it('has a reason when its payload is too deeply nested for a digest', () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const body = `{"event_type":"identity.project.deleted","payload":{"x":${deep}}}`;
    expect(read(body)).toMatchObject({
      kind: 'unreadable',
      reason: expect.stringContaining('nested too deeply'),
    });
  });

  it('has a reason when it is compressed', () => {
    expect(read(Buffer.from([0x1f, 0x8b, 8, 0xff]))).toMatchObject({
      reason: expect.stringContaining(': compressed'),
    });
    expect(read(Buffer.concat([Buffer.from('BZh9'), Buffer.from([0xff])]))).toMatchObject({
      reason: expect.stringContaining('bzip2'),
    });
  });
  it('has a reason with its full size when it is too big', () => {
    const { data } = notificationReceived(Buffer.alloc(MAX_BODY_BYTES + 1, 'ü'), {
      id: 'x',
      source: 'test',
      receivedAt: 1,
    });
    expect(readNotification(data)).toMatchObject({
      reason: expect.stringContaining(`${MAX_BODY_BYTES + 1} bytes`),
    });
    expect(Buffer.byteLength(data.body)).toBeLessThanOrEqual(64 * 1024);
    expect(data.encoding).toBe('utf8');
  });
});

describe('timestamps of notifications', () => {
  it('are UTC without a zone in oslo.messaging, and may lack the fraction', () => {
    expect(utcMillis('2026-11-23 03:49:48.266196')).toBe(Date.UTC(2026, 10, 23, 3, 49, 48, 266));
    expect(utcMillis('2026-11-23 03:49:48')).toBe(Date.UTC(2026, 10, 23, 3, 49, 48));
  });
  it('end in +0000 in CADF', () => {
    expect(utcMillis('2026-11-23T03:49:48.266076+0000')).toBe(
      Date.UTC(2026, 10, 23, 3, 49, 48, 266),
    );
    expect(utcMillis('2026-11-23T05:19:48+01:30')).toBe(Date.UTC(2026, 10, 23, 3, 49, 48));
    expect(utcMillis('2026-11-22T22:49:48-0500')).toBe(Date.UTC(2026, 10, 23, 3, 49, 48));
  });
  it.each([
    '',
    'now',
    '2026-02-30 00:00:00',
    '2026-13-01 00:00:00',
    '2026-01-01 24:00:00',
    '2026-01-01',
  ])('do not include %j', (text) => expect(utcMillis(text)).toBeUndefined());
  it('are parsed correctly on every day of the calendar', () =>
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1970-01-01'), max: new Date('2199-12-31'), noInvalidDate: true }),
        (date) => {
          expect(utcMillis(date.toISOString())).toBe(date.getTime());
          expect(utcMillis(date.toISOString().replace('T', ' ').replace('Z', ''))).toBe(
            date.getTime(),
          );
        },
      ),
    ));
});
