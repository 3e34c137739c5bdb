import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type Message, queueOf } from '../../../../events/index.ts';
import { EVENT_SOURCE } from '../../../../lib/engine/aws/names.ts';
import {
  MESSAGE_TYPES,
  type RuleDefinition,
  topologyOf,
} from '../../../../lib/engine/aws/topology.ts';
import { StoredMessage } from '../../../../lib/engine/records.ts';
import { SERVICES } from '../../../../lib/services/index.ts';

const topology = topologyOf('propagator-dev', [...SERVICES.map(({ name }) => name), 'billing']);
const folder = join(import.meta.dirname, '../../../../events/samples');
const samples = readdirSync(folder)
  // No queue of the propagator receives the events of the audit log.
  .filter((file) => file.endsWith('.json') && file !== 'audit.recorded.json')
  .map((file) => StoredMessage.parse(JSON.parse(readFileSync(join(folder, file), 'utf8'))));

/** Matches an event as EventBridge does: every field of the pattern must have one of its values. */
const matches = ({ pattern }: RuleDefinition, { type, data }: Message): boolean =>
  pattern.source.includes(EVENT_SOURCE) &&
  pattern['detail-type'].includes(type) &&
  Object.entries(pattern.detail ?? {}).every(([field, values]: [string, unknown]) =>
    Array.isArray(values) ? values.includes(Reflect.get(data, field)) : false,
  );

describe('the rules of the bus', () => {
  it.each(samples.map((sample) => [sample.type, sample] as const))(
    'route %s only to the queue of queueOf',
    (_, sample) => {
      const queues = topology.rules
        .filter((rule) => matches(rule, sample))
        .map(({ queue }) => queue);
      expect(queues).toEqual([queueOf(sample)]);
    },
  );

  it('have a queue for each service, and route the requests of the service to it', () => {
    const request = samples.find(({ type }) => type === 'service.requested');
    for (const service of [...SERVICES.map(({ name }) => name), 'billing']) {
      const message = StoredMessage.parse({
        type: 'service.requested',
        data: { ...request?.data, service },
      });
      expect(
        topology.rules.filter((rule) => matches(rule, message)).map(({ queue }) => queue),
      ).toEqual([`service-${service}`]);
    }
  });

  it('route no event of the audit log to a queue', () => {
    for (const { pattern } of topology.rules)
      expect(pattern['detail-type']).not.toContain('audit.recorded');
  });

  it('match every message type, and no more types than EventBridge allows in one pattern', () => {
    expect(samples.map(({ type }) => type).filter((type) => !MESSAGE_TYPES.includes(type))).toEqual(
      [],
    );
    for (const { pattern } of topology.rules)
      expect(JSON.stringify(pattern).length).toBeLessThan(2048);
  });
});

describe('the queues', () => {
  it('have a visibility timeout of six function timeouts, and dead-letter after at least five deliveries', () => {
    for (const { visibilitySeconds, functionTimeoutSeconds, maxReceives } of topology.queues) {
      expect(visibilitySeconds).toBeGreaterThanOrEqual(6 * functionTimeoutSeconds);
      expect(maxReceives).toBeGreaterThanOrEqual(5);
    }
  });

  it('retain dead letters longer than the source queues retain messages', () => {
    for (const { retentionSeconds, deadLetterQueue: dead } of topology.queues) {
      expect(dead.retentionSeconds).toBe(14 * 24 * 3600);
      expect(dead.retentionSeconds - retentionSeconds).toBeGreaterThanOrEqual(7 * 24 * 3600);
    }
    expect(topology.undelivered.retentionSeconds).toBe(14 * 24 * 3600);
  });

  it('have names that SQS allows', () => {
    const long = topologyOf('propagator-production', ['a'.repeat(31)]);
    for (const { name, deadLetterQueue: dead } of [...topology.queues, ...long.queues])
      for (const one of [name, dead.name]) expect(one).toMatch(/^[A-Za-z0-9_-]{1,80}$/);
  });
});
