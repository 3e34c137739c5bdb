import type { Described } from './stateful-service.ts';
import { EVERY_CLASS, StatefulSimulation } from './stateful-simulation.ts';

export const DOMAIN = 'customer';
const OTHER_DOMAIN = 'neighbor';

/** Services whose resources can all be listed without a token on the project. */
export const LISTED: readonly Described[] = EVERY_CLASS.slice(0, 2);
/** These services, and one whose secrets only a token on the project lists. */
export const WITH_SECRETS: readonly Described[] = EVERY_CLASS.slice(0, 3);

/** A simulation with two domains. The control domain has one project, which must not change. */
export class DomainSimulation extends StatefulSimulation {
  readonly #neighbor: unknown;
  readonly #types: readonly string[];

  constructor(described = LISTED) {
    super(described, 1);
    const secret = described.some(({ name }) => name === 'vault') ? ['vault.secret'] : [];
    this.#types = ['compute.server', 'network.port', ...secret];
    this.cloud.domains.set(DOMAIN, { name: 'Customer', enabled: true });
    this.cloud.domains.set(OTHER_DOMAIN, { name: 'Neighbor', enabled: true });
    this.cloud.domainUsers.set('u1', DOMAIN);
    this.cloud.domainUsers.set('u2', OTHER_DOMAIN);
    this.project('next', { domainId: OTHER_DOMAIN });
    this.#neighbor = this.#seen();
  }

  /** Adds an enabled project of the domain with one resource of each type. */
  project(
    id: string,
    more: {
      parentId?: string;
      domainId?: string;
      tags?: readonly string[];
      enabled?: boolean;
    } = {},
  ): void {
    this.cloud.projects.set(id, { name: `name-${id}`, enabled: true, domainId: DOMAIN, ...more });
    for (const type of this.#types) this.cloud.make(type, id, `${id}-${type}`);
  }

  /** Makes a plan of the domain, and returns what the API shows of it. */
  async plan(): Promise<Record<string, unknown> & { id: string; digest: string }> {
    const asked = await this.call('POST', `/v1/domains/${DOMAIN}/plan`, {});
    expect(asked).toMatchObject({ status: 202 });
    await this.settle();
    const shown = await this.call('GET', `/v1/operations/${asked.body.opened}/plan?resources=true`);
    expect(shown.status).toBe(200);
    return shown.body as never;
  }

  approve({ id, digest }: { id: string; digest: string }, by: 'ann' | 'bob' = 'ann') {
    return this.call('POST', `/v1/operations/${id}/approve`, { digest }, by);
  }

  /** The operation that carries out the plan of the domain. */
  get domainOperation() {
    const found = [...this.engine.operations.values()].findLast(
      ({ action, scope }) => action === 'cleanup' && scope.id === DOMAIN,
    );
    if (!found) throw new Error('the domain has no operation');
    return found;
  }

  override expectOthersUntouched(): void {
    super.expectOthersUntouched();
    expect(this.#seen()).toEqual(this.#neighbor);
  }

  #seen(): unknown {
    return structuredClone({
      domain: this.cloud.domains.get(OTHER_DOMAIN),
      project: this.cloud.projects.get('next'),
      left: this.left('next'),
      user: this.cloud.domainUsers.get('u2'),
    });
  }
}
