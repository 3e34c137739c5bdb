import type { RelayState } from '../../../lib/relay/relay.ts';
import { clientOfAnn, typeLine } from './type-line.ts';

const AT = Date.UTC(2026, 10, 29, 22, 8, 41);
const otherFields = {
  accounts: 52,
  suspicious: 0,
  enabledDuringHold: 0,
  counters: { 'runs.finished': 4 },
  queues: { ingest: { ready: 1, delayed: 2, active: 0, dead: 0 } },
};
const connectedRelay: RelayState = {
  connected: true,
  waiting: undefined,
  storeFailing: false,
  since: AT,
  received: 17,
  lastReceivedAt: AT + 5000,
};
const processHealth = {
  ok: true,
  mode: 'enforce',
  workers: 44,
  inventory: 'filled',
  calls: { keystone: 13, nova: 2 },
  startedAt: AT,
};

/** The text of `status` for an answer of the API. */
async function statusOf(answer: object): Promise<string> {
  const client = clientOfAnn(async () => Response.json(answer));
  const { code, out } = await typeLine('status', { client, now: () => AT });
  expect(code).toBe(0);
  return out;
}

describe('propagator status', () => {
  it.each([
    ['of a process with a relay', { ...processHealth, relay: connectedRelay }],
    [
      'of a process whose relay waits',
      {
        ...processHealth,
        ok: false,
        relay: {
          ...connectedRelay,
          connected: false,
          waiting: 'the broker',
          lastReceivedAt: undefined,
        },
      },
    ],
    ['of a new process', { ...processHealth, relay: 'not configured', calls: {} }],
    ['of AWS', { ok: true, mode: 'enforce', services: ['nova', 'neutron'] }],
    ['of a later release', { ok: true, parts: [{ lastSweepAt: AT, isLate: true }], nothing: null }],
    [
      'during a stop',
      {
        ...processHealth,
        relay: connectedRelay,
        stopped: { what: 'stopped', by: 'ann', reason: 'x', at: AT },
      },
    ],
  ])('prints each value %s for a person, and each part once', async (_, health) => {
    const out = await statusOf({ ...health, ...otherFields });
    expect(out).not.toMatch(/[{}[\]]|\d{9}|\b(?:undefined|true|false)\b|[a-z]At\b/);
    const [, table = ''] = /PART +STATE\n([\s\S]*?)\n\n/.exec(out) ?? [];
    const parts = table.split('\n').flatMap((line) => /^(\S.*?)(?: {2,}|$)/.exec(line)?.[1] ?? []);
    expect(parts.length).toBeGreaterThanOrEqual(4);
    expect(new Set(parts).size).toBe(parts.length);
  });

  it('names the start, the calls and the relay in words', async () => {
    const out = await statusOf({ ...processHealth, relay: connectedRelay, ...otherFields });
    expect(out).toMatch(/\nok +yes\n/);
    expect(out).toMatch(/\nstarted +2026-11-29T22:08:41Z\n/);
    expect(out).toMatch(/\ncalls +keystone 13, nova 2\n/);
    expect(out).toMatch(/\ninventory +filled\n/);
    expect(out).toMatch(/\naccounts in the inventory +52\n/);
    expect(out.replace(/\s+/g, ' ')).toContain(
      'relay connected yes, store failing no, since 2026-11-29T22:08:41Z, received 17, ' +
        'last received 2026-11-29T22:08:46Z',
    );
  });
});
