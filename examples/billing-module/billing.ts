// Imports only types, which Node removes: this file works at any path.
import type { PluginKit } from '../../lib/app/plugins.ts';

/**
 * A billing system with its own HTTP API as a service: the remaining resources of an account go
 * with its project.
 */
export default ({ defineType, defineService, defineSuspension, PropagatorError, z }: PluginKit) => {
  const base = process.env.BILLING_URL ?? 'http://127.0.0.1:9100';

  /**
   * Sends one request. The class of a thrown error decides about the next step: `Transient` is
   * retried, `Denied` goes to the operator at once, `Gone` counts as removed.
   */
  async function call(
    method: 'GET' | 'DELETE' | 'PATCH',
    path: string,
    json?: object,
  ): Promise<unknown> {
    const failed = (
      errorClass: 'Transient' | 'Denied' | 'Gone' | 'Unexpected',
      code: string,
      message: string,
      cause?: unknown,
    ) => {
      const advice = 'Read the log of the billing system at BILLING_URL.';
      return new PropagatorError(
        { code: `billing.${code}`, class: errorClass, message, advice, service: 'billing' },
        { cause },
      );
    };
    try {
      const answer = await fetch(`${base}${path}`, {
        method,
        ...(json && { body: JSON.stringify(json) }),
        redirect: 'error',
        signal: AbortSignal.timeout(10_000),
      });
      const { status } = answer;
      if (answer.ok) return status === 204 ? undefined : await answer.json();
      if (status === 401 || status === 403)
        throw failed('Denied', `http.${status}`, `the billing system refuses us: ${status}`);
      if (status === 404 && method === 'DELETE')
        throw failed('Gone', 'http.404', 'it is gone already');
      const isPassing = status === 409 || status === 429 || status >= 500;
      throw failed(
        isPassing ? 'Transient' : 'Unexpected',
        `http.${status}`,
        `the billing system answered ${status}`,
      );
    } catch (thrown) {
      throw thrown instanceof PropagatorError
        ? thrown
        : failed(
            'Transient',
            'unreachable',
            'the billing system gives no answer that can be read',
            thrown,
          );
    }
  }

  /**
   * Only the necessary fields. A row without an account is kept: the propagator reports it and
   * never removes it.
   */
  const row = z.object({
    id: z.string(),
    account: z.string().nullish(),
    title: z.string().nullish(),
    paused: z.boolean().nullish(),
  });
  const page = z.object({ rows: z.array(row), next: z.string().nullish() });
  type Page = ReturnType<typeof page.parse>;

  /** Returns all rows, page by page: an incomplete list would make the rest look empty. */
  async function list(collection: string, project: string) {
    const rows: Page['rows'] = [];
    for (let after: string | null | undefined = ''; typeof after === 'string'; ) {
      const query = new URLSearchParams({ account: project, after });
      const shown: Page = page.parse(await call('GET', `/${collection}?${query}`));
      rows.push(...shown.rows);
      after = shown.next;
    }
    return rows;
  }

  const resourceType = (name: string, collection: string, before: string[]) =>
    defineType({
      name,
      dependsOn: [{ types: before, strength: 'required', until: 'empty' }],
      list: ({ project }) => list(collection, project),
      id: ({ id }) => id,
      // The owner comes from the row itself and never from the query: the propagator compares it
      // with the project for each row.
      owner: ({ account }) => account ?? undefined,
      label: ({ title }) => title ?? undefined,
      async remove({ id }) {
        await call('DELETE', `/${collection}/${encodeURIComponent(id)}`);
        return { kind: 'gone' };
      },
    });

  const setPaused = (id: string, paused: boolean) =>
    call('PATCH', `/subscriptions/${encodeURIComponent(id)}`, { paused });

  /**
   * A suspended project pays nothing. The record is stored before the first call, and a resume
   * continues only what the suspension paused.
   */
  const subscriptionSuspension = defineSuspension<Page['rows'][number], object>({
    name: 'subscription',
    summary: {
      suspend: 'Subscriptions are paused.',
      record: 'The id.',
      resume: 'The subscription continues.',
      unchanged: ['A subscription that is paused already stays paused.'],
    },
    before: z.object({}),
    list: ({ project }) => list('subscriptions', project),
    id: ({ id }) => id,
    owner: ({ account }) => account ?? undefined,
    assess: ({ paused }) => (paused ? { kind: 'at-rest' } : { kind: 'switch', before: {} }),
    suspend: async ({ id }) => void (await setPaused(id, true)),
    compare: ({ paused }) => (paused ? { kind: 'suspended' } : { kind: 'as-before' }),
    resume: async ({ id }) => void (await setPaused(id, false)),
  });

  return defineService({
    name: 'billing',
    // The service is not in Keystone's catalog. It exists in every cloud in which this module is
    // configured.
    catalogTypes: [],
    // The last bill is written when the servers are gone.
    dependsOn: [{ services: ['nova', 'cinder', 'neutron'], strength: 'preferred', until: 'done' }],
    resourceTypes: [
      resourceType('subscription', 'subscriptions', []),
      resourceType('payment-method', 'payment-methods', ['subscription']),
    ],
    // Pauses when the servers are stopped, and continues before they start.
    suspension: { after: ['nova'], types: [subscriptionSuspension] },
  });
};
