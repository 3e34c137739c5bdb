// Of types only, and gone when Node runs it: this file works wherever it is copied to.
import type { PluginKit } from '../../lib/app/plugins.ts';

/**
 * A billing system with an HTTP API of its own, as a service: what an account of it still has ends
 * with its project.
 */
export default ({ defineType, defineService, PropagatorError, z }: PluginKit) => {
  const base = process.env.BILLING_URL ?? 'http://127.0.0.1:9100';

  /**
   * One call. What it throws says what happens next: `Transient` is tried again, `Denied` is the
   * operator's at once, `Gone` counts as removed.
   */
  async function call(method: 'GET' | 'DELETE', path: string): Promise<unknown> {
    const failed = (
      errorClass: 'Transient' | 'Denied' | 'Gone' | 'Unexpected',
      code: string,
      message: string,
      cause?: unknown,
    ) => {
      const advice = 'Look into the log of the billing system; BILLING_URL says where it is asked.';
      return new PropagatorError(
        { code: `billing.${code}`, class: errorClass, message, advice, service: 'billing' },
        { cause },
      );
    };
    try {
      const answer = await fetch(`${base}${path}`, {
        method,
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
   * Only the fields that count here. A row without its account is let through: the propagator names
   * it, and never touches it.
   */
  const row = z.object({
    id: z.string(),
    account: z.string().nullish(),
    title: z.string().nullish(),
  });
  const page = z.object({ rows: z.array(row), next: z.string().nullish() });
  type Page = ReturnType<typeof page.parse>;

  /** All rows, page by page: half a listing would pass for an empty rest. */
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

  const resourceType = (name: string, collection: string, after: string[]) =>
    defineType({
      name,
      after,
      list: ({ project }) => list(collection, project),
      id: ({ id }) => id,
      // From the row itself, never from what was asked for: the propagator compares it with the
      // project, row by row.
      owner: ({ account }) => account ?? undefined,
      label: ({ title }) => title ?? undefined,
      async remove({ id }) {
        await call('DELETE', `/${collection}/${encodeURIComponent(id)}`);
        return { is: 'gone' };
      },
    });

  return defineService({
    name: 'billing',
    // It stands in no catalog of Keystone, and is there in every cloud that this module is given
    // to.
    catalogTypes: [],
    // The last bill is written when the machines are gone.
    follows: ['nova', 'cinder', 'neutron'],
    resourceTypes: [
      resourceType('subscription', 'subscriptions', []),
      resourceType('payment-method', 'payment-methods', ['subscription']),
    ],
  });
};
