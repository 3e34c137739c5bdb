import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type Message, queueOf } from '../../../../events/index.ts';
import { SOURCE } from '../../../../lib/engine/aws/names.ts';
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
  .filter((file) => file.endsWith('.json'))
  .map((file) => StoredMessage.parse(JSON.parse(readFileSync(join(folder, file), 'utf8'))));

/** As EventBridge matches: every field that is named must have one of the values. */
const matches = ({ pattern }: RuleDefinition, { type, data }: Message): boolean =>
  pattern.source.includes(SOURCE) &&
  pattern['detail-type'].includes(type) &&
  Object.entries(pattern.detail ?? {}).every(([field, values]: [string, unknown]) =>
    Array.isArray(values) ? values.includes(Reflect.get(data, field)) : false,
  );

describe('the rules of the bus', () => {
  it.each(samples.map((sample) => [sample.type, sample] as const))(
    'bring %s to the queue that queueOf names, and to no other',
    (_, sample) => {
      const queues = topology.rules
        .filter((rule) => matches(rule, sample))
        .map(({ queue }) => queue);
      expect(queues).toEqual([queueOf(sample)]);
    },
  );

  it('have a queue for each service, and bring it what is asked of this service', () => {
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

  it('know every type of message that has a sample, and as many as EventBridge takes in one pattern', () => {
    expect(samples.map(({ type }) => type).filter((type) => !MESSAGE_TYPES.includes(type))).toEqual(
      [],
    );
    for (const { pattern } of topology.rules)
      expect(JSON.stringify(pattern).length).toBeLessThan(2048);
  });
});

describe('the queues', () => {
  it('hide a message six times as long as its function may run, and give it up after five deliveries at the earliest', () => {
    for (const { visibilitySeconds, functionSeconds, mostReceives } of topology.queues) {
      expect(visibilitySeconds).toBeGreaterThanOrEqual(6 * functionSeconds);
      expect(mostReceives).toBeGreaterThanOrEqual(5);
    }
  });

  it('keep dead letters longer than the age that one may have on arrival', () => {
    for (const { retentionSeconds, dead } of topology.queues) {
      expect(dead.retentionSeconds).toBe(14 * 24 * 3600);
      expect(dead.retentionSeconds - retentionSeconds).toBeGreaterThanOrEqual(7 * 24 * 3600);
    }
    expect(topology.undelivered.retentionSeconds).toBe(14 * 24 * 3600);
  });

  it('have names that SQS takes', () => {
    const long = topologyOf('propagator-production', ['a'.repeat(31)]);
    for (const { name, dead } of [...topology.queues, ...long.queues])
      for (const one of [name, dead.name]) expect(one).toMatch(/^[A-Za-z0-9_-]{1,80}$/);
  });
});
