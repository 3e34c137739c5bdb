import type { Account } from '../../events/account.ts';
import { DomainId, ProjectId, ResourceTypeName } from '../../events/ids.ts';
import type { Message } from '../../events/index.ts';
import { createApi } from '../../lib/api/api.ts';
import { hasEnded } from '../../lib/operation/ended.ts';
import type { Operation } from '../../lib/operation/model.ts';
import { apiAccess, changeBy } from '../api-tokens.ts';
import { RecoverySimulation } from './recovery-simulation.ts';
import type { SimulationDeps } from './simulation-parts.ts';

export const DOMAIN = DomainId.parse('customers');

/**
 * The recovery simulation with an administrator who deletes the whole domain of the target project
 * and its sibling with a recovery window.
 */
export class DomainRecoverySimulation extends RecoverySimulation {
  #changes = 0;
  /** Keystone announces no change of a flag. */
  isQuiet = false;

  override get deps(): SimulationDeps {
    const deps = super.deps;
    const set = (enabled: boolean) => async () => {
      this.call();
      if (this.domains.has(DOMAIN)) await this.setDomain(enabled);
      this.call();
    };
    const projectSet = (enabled: boolean) => async (project: ProjectId) => {
      this.call();
      await this.setProject(project, enabled);
      this.call();
    };
    return {
      ...deps,
      cloud: {
        ...deps.cloud,
        keystone: {
          ...deps.cloud.keystone,
          projects: async (domain) =>
            [...this.projects].flatMap(([id, one]) =>
              one.domain === domain
                ? {
                    type: 'project' as const,
                    id: ProjectId.parse(id),
                    name: 'shop',
                    domainId: DOMAIN,
                    enabled: one.enabled,
                  }
                : [],
            ),
        },
        projectAdmin: {
          ...deps.cloud.projectAdmin,
          disable: projectSet(false),
          enable: projectSet(true),
          delete: async (project) => {
            this.call();
            await this.deleteProject(project);
            this.call();
          },
        },
        domainAdmin: {
          contents: async () => ({
            resources: [{ resourceType: ResourceTypeName.parse('keystone.user'), rows: [] }],
            check: { refusals: [], unknown: [] },
          }),
          disable: set(false),
          enable: set(true),
          delete: async () => {
            this.call();
            await this.deleteDomain();
            this.call();
            return [];
          },
        },
      },
    };
  }

  /** Changes the flag of a project in Keystone, and announces it. */
  async setProject(id: ProjectId, enabled: boolean): Promise<void> {
    const project = this.projects.get(id);
    if (!project || project.enabled === enabled) return;
    project.enabled = enabled;
    await this.publish({ type: 'project', id, domainId: DOMAIN }, enabled ? 'enabled' : 'disabled');
  }

  override async setDomain(enabled: boolean): Promise<void> {
    if (this.domains.get(DOMAIN) === enabled) return;
    if (this.isQuiet) {
      this.domains.set(DOMAIN, enabled);
      return;
    }
    await super.setDomain(enabled);
  }

  async deleteProject(id: ProjectId): Promise<void> {
    if (!this.projects.delete(id)) return;
    await this.publish({ type: 'project', id, domainId: DOMAIN }, 'deleted');
  }

  /** Deletes the domain in Keystone, with all its projects. */
  async deleteDomain(): Promise<void> {
    if (!this.domains.delete(DOMAIN)) return;
    for (const [id, { domain }] of [...this.projects])
      if (domain === DOMAIN) this.projects.delete(id);
    await this.publish({ type: 'domain', id: DOMAIN }, 'deleted');
  }

  async publish(account: Account, change: 'enabled' | 'disabled' | 'deleted'): Promise<void> {
    this.#changes += 1;
    const cause = { messageId: `change-${this.#changes}`, eventType: 'test', at: this.engine.time };
    const type = `account.${account.type}.${change}`;
    await this.engine.commit({ messages: [{ type, data: { account, cause } } as Message] });
  }

  async request(method: 'GET' | 'POST' | 'DELETE', path: string, body: object = {}) {
    const app = createApi({ ...this.deps, ...apiAccess, health: () => ({ ok: true }) });
    const init =
      method === 'GET' ? { headers: changeBy('ann', body).headers } : changeBy('ann', body, method);
    const answer = await app.request(`http://127.0.0.1:8787${path}`, init);
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
  }

  /** Plans the deletion of the domain. Returns `undefined` if it is refused. */
  async plan(): Promise<{ id: string; digest: string } | undefined> {
    const { json } = await this.request('POST', `/v1/domains/${DOMAIN}/plan`);
    const { opened } = json;
    if (typeof opened !== 'string') return undefined;
    await this.until(() => {
      const plan = this.engine.operations.get(opened as Operation['id']);
      return plan !== undefined && hasEnded(plan);
    });
    const shown = await this.request('GET', `/v1/operations/${opened}/plan`);
    return shown.json as { id: string; digest: string };
  }

  /** Plans and approves the deletion of the domain with a recovery window. */
  async requestDomainDeletion(
    recoverForSeconds: number,
    remindBeforeSeconds: readonly number[] = [],
  ) {
    const plan = await this.plan();
    if (!plan) return undefined;
    const { id, digest } = plan;
    const body = { digest, recoverForSeconds, remindBeforeSeconds };
    return this.request('POST', `/v1/operations/${id}/approve`, body);
  }

  /** The operation that deletes the domain, opened last. */
  override get cleanup(): Operation | undefined {
    return this.operations('cleanup').findLast(({ scope }) => scope.type === 'domain');
  }

  /** The operation about the project with this id, opened last. */
  cleanupOf(project: string): Operation | undefined {
    return this.operations('cleanup').findLast(({ scope }) => scope.id === project);
  }
}
