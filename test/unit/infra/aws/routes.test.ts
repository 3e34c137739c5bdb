import { readdirSync, readFileSync } from 'node:fs';
import { type Message, queueOf } from '../../../../events/index.ts';
import { MESSAGE_TYPES, topologyOf } from '../../../../lib/engine/aws/topology.ts';

const folder = new URL('../../../../events/samples/', import.meta.url);
/** This event is for subscribers of the bus outside the propagator. No queue receives it. */
const AUDIT = 'audit.recorded.json';
const samples = readdirSync(folder)
  .filter((name) => name.endsWith('.json') && name !== AUDIT)
  .map((name): [string, Message] => [
    name,
    JSON.parse(readFileSync(new URL(name, folder), 'utf8')),
  ]);
const { rules } = topologyOf('propagator-test', ['nova', 'cinder', 'glance']);

/** The part of EventBridge's pattern language that the rules use: lists of exact values. */
function takes(pattern: object, event: object): boolean {
  return Object.entries(pattern).every(([name, wanted]) => {
    const found: unknown = Reflect.get(event, name);
    if (Array.isArray(wanted)) return wanted.includes(found);
    return typeof found === 'object' && found !== null && takes(wanted, found);
  });
}
const queuesFor = ({ type, data }: Message, source = 'keystone-propagator') =>
  rules
    .filter(({ pattern }) => takes(pattern, { source, 'detail-type': type, detail: data }))
    .map(({ queue }) => queue);

describe('the rules of the bus', () => {
  it.each(samples)('route %s only to the queue of queueOf', (_, message) => {
    expect(queuesFor(message)).toEqual([queueOf(message)]);
  });

  it('route an entry of the audit log to no queue', () => {
    const entry = JSON.parse(readFileSync(new URL(AUDIT, folder), 'utf8'));
    expect(queuesFor(entry)).toEqual([]);
  });

  it.each(['nova', 'cinder', 'glance'])('distinguish the services: %s', (service) => {
    const [, sample] = samples.find(([name]) => name === 'service.requested.json') ?? [];
    if (!sample) throw new Error('there is no sample of service.requested');
    const message = { ...sample, data: { ...sample.data, service } } as Message;
    expect(queuesFor(message)).toEqual([`service-${service}`]);
    // A report contains its service as well, and is sent to the coordinator.
    expect(queuesFor({ ...message, type: 'service.progressed' } as Message)).toEqual([
      'coordinate',
    ]);
  });

  it('match every message type, and no event of another source', () => {
    expect(MESSAGE_TYPES).toEqual(expect.arrayContaining(samples.map(([, { type }]) => type)));
    for (const [, message] of samples) expect(queuesFor(message, 'aws.events')).toEqual([]);
  });
});
