// Imports only types, which Node removes: this file works at any path.
import type { PluginKit } from '../../lib/app/plugins.ts';

/**
 * Returns the service of a billing system with its own HTTP API. A cleanup of a project removes the
 * subscriptions and payment methods of the project's account.
 */
export default ({ defineType, defineService, defineSuspension, PropagatorError, z }: PluginKit) => {
  const base = process.env.BILLING_URL ?? 'http://127.0.0.1:9100';

  /**
   * Returns an error. Its class decides about the next step: `Transient` is retried, `Denied` is
   * dead-lettered at once, and `Gone` means that the resource is removed.
   */
  function billingError(
    errorClass: 'Transient' | 'Denied' | 'Gone' | 'Unexpected',
    code: string,
    message: string,
    cause?: unknown,
  ) {
    const advice = 'Read the log of the billing system at BILLING_URL.';
    return new PropagatorError(
      { code: `billing.${code}`, class: errorClass, message, advice, service: 'billing' },
      { cause },
    );
  }

  /** Sends one request and returns the JSON of the answer. Throws {@link billingError}. */
  async function call(
    method: 'GET' | 'DELETE' | 'PATCH',
    path: string,
    json?: object,
  ): Promise<unknown> {
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
        throw billingError(
          'Denied',
          `http.${status}`,
          `the billing system refuses the login of the propagator (${status})`,
        );
      if (status === 404 && method === 'DELETE')
        throw billingError('Gone', 'http.404', 'the resource is already gone');
      const isTemporary = status === 409 || status === 429 || status >= 500;
      throw billingError(
        isTemporary ? 'Transient' : 'Unexpected',
        `http.${status}`,
        `the billing system answered ${status}`,
      );
    } catch (thrown) {
      throw thrown instanceof PropagatorError
        ? thrown
        : billingError(
            'Transient',
            'unreachable',
            'the billing system does not answer, or its answer cannot be read',
            thrown,
          );
    }
  }

  /**
   * The schema has only the fields that this module reads. It accepts a row without an account: the
   * propagator reports such a row and never removes it.
   */
  const row = z.object({
    id: z.string(),
    account: z.string().nullish(),
    title: z.string().nullish(),
    paused: z.boolean().nullish(),
  });
  const page = z.object({ rows: z.array(row), next: z.string().nullish() });
  type Page = ReturnType<typeof page.parse>;

  /** Returns the rows of all pages. Throws if a page is missing: the list must be complete. */
  async function list(collection: string, project: string) {
    const rows: Page['rows'] = [];
    for (let after: string | null | undefined = ''; typeof after === 'string'; ) {
      const query = new URLSearchParams({ account: project, after });
      const answer: Page = page.parse(await call('GET', `/${collection}?${query}`));
      rows.push(...answer.rows);
      after = answer.next;
    }
    return rows;
  }

  /** Defines a resource type. `emptyFirst`: the types that must be empty before its removal. */
  const resourceType = (name: string, collection: string, emptyFirst: string[]) =>
    defineType({
      name,
      dependsOn: [{ types: emptyFirst, strength: 'required', until: 'empty' }],
      list: ({ project }) => list(collection, project),
      id: ({ id }) => id,
      // The owner comes from the row itself and never from the query, because the propagator
      // compares the owner of each row with the project.
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
   * Pauses the subscriptions of a suspended project. The propagator stores a record of each
   * subscription before it calls `suspend`, and calls `resume` only for recorded subscriptions.
   */
  const subscriptionSuspension = defineSuspension<Page['rows'][number], object>({
    name: 'subscription',
    summary: {
      suspend: 'Subscriptions are paused.',
      record: 'The id.',
      resume: 'The subscription continues.',
      unchanged: ['A subscription that is paused already stays paused.'],
    },
    recordedState: z.object({}),
    list: ({ project }) => list('subscriptions', project),
    id: ({ id }) => id,
    owner: ({ account }) => account ?? undefined,
    assess: ({ paused }) => (paused ? { kind: 'at-rest' } : { kind: 'suspend', recordedState: {} }),
    suspend: async ({ id }) => void (await setPaused(id, true)),
    compare: ({ paused }) => (paused ? { kind: 'suspended' } : { kind: 'as-recorded' }),
    resume: async ({ id }) => void (await setPaused(id, false)),
  });

  return defineService({
    name: 'billing',
    // The service is not in Keystone's catalog. It exists in every cloud in which this module is
    // configured.
    catalogTypes: [],
    // The billing system writes the last bill after the servers are gone.
    dependsOn: [{ services: ['nova', 'cinder', 'neutron'], strength: 'preferred', until: 'done' }],
    resourceTypes: [
      resourceType('subscription', 'subscriptions', []),
      resourceType('payment-method', 'payment-methods', ['subscription']),
    ],
    // Subscriptions are paused after Nova has stopped the servers, and continue before Nova starts
    // the servers.
    suspension: { suspendAfter: ['nova'], types: [subscriptionSuspension] },
  });
};
