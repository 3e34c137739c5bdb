import { DomainId } from '../../events/ids.ts';
import { createApi } from '../../lib/api/api.ts';
import { hasEnded } from '../../lib/operation/ended.ts';
import type { Operation } from '../../lib/operation/model.ts';
import { apiAccess, changeBy } from '../api-tokens.ts';
import type { SimulationDeps } from './simulation-parts.ts';
import { SuspendSimulation, TARGET } from './suspend-simulation.ts';

/**
 * The suspend simulation with an administrator who deletes the target project with a recovery
 * window, cancels the deletion, and ends the window.
 */
export class RecoverySimulation extends SuspendSimulation {
  override get deps(): SimulationDeps {
    const deps = super.deps;
    const set = (enabled: boolean) => async (project: string) => {
      this.call();
      const shown = this.projects.get(project);
      const isChanged = shown !== undefined && shown.enabled !== enabled;
      if (shown) shown.enabled = enabled;
      // Keystone also announces the actions of the propagator.
      if (isChanged) await this.announce('project', enabled ? 'enabled' : 'disabled');
      this.call();
    };
    return {
      ...deps,
      cloud: {
        ...deps.cloud,
        keystone: {
          ...deps.cloud.keystone,
          members: async () => [],
          show: async (type, id) => {
            const shown = await deps.cloud.keystone.show(type, id);
            if (shown.kind !== 'present') return shown;
            return { ...shown, account: { ...shown.account, name: 'shop' } };
          },
        },
        projectAdmin: {
          ...deps.cloud.projectAdmin,
          disable: set(false),
          enable: set(true),
          delete: async () => {
            this.call();
            await this.delete();
            this.call();
          },
        },
      },
    };
  }

  /** Sends a request of the administrator. A refusal changes nothing. */
  async post(
    path: string,
    body: object,
  ): Promise<{ status: number; json: Record<string, unknown> }> {
    const app = createApi({ ...this.deps, ...apiAccess, health: () => ({ ok: true }) });
    const answer = await app.request(`http://127.0.0.1:8787${path}`, changeBy('ann', body));
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
  }

  requestDeletion(
    recoverForSeconds: number | undefined,
    remindBeforeSeconds: readonly number[] = [],
  ) {
    return this.post('/v1/operations', {
      action: 'cleanup',
      project: TARGET,
      reason: 'contract ended',
      ...(this.projects.get(TARGET)?.enabled ? { name: 'shop' } : {}),
      ...(recoverForSeconds === undefined ? {} : { recoverForSeconds, remindBeforeSeconds }),
    });
  }

  cancel() {
    return this.post(`/v1/operations/${this.cleanup?.id}/cancel`, { reason: 'goes on' });
  }

  release() {
    return this.post(`/v1/operations/${this.cleanup?.id}/release`, { reason: 'now' });
  }

  /** The cleanup that was opened last. */
  get cleanup(): Operation | undefined {
    return this.operations('cleanup').at(-1);
  }

  setDomain(enabled: boolean): Promise<void> {
    this.domains.set(DomainId.parse('customers'), enabled);
    return this.announce('domain', enabled ? 'enabled' : 'disabled');
  }

  /** Delivers at most `count` messages. */
  async advance(count: number): Promise<void> {
    await this.until(() => false, count);
  }

  /** Delivers messages until `isSo` is true, and at most `most`. Returns `isSo()`. */
  async until(isSo: () => boolean, most = 600): Promise<boolean> {
    for (let n = 0; n < most && !isSo(); n += 1) if (!(await this.deliver(0))) break;
    return isSo();
  }

  get isOpen(): boolean {
    const { cleanup } = this;
    return cleanup !== undefined && !hasEnded(cleanup);
  }
}
