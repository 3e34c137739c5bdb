import { RecoverySimulation } from '../../property/recovery-simulation.ts';
import { keystoneAway } from '../../property/simulation-parts.ts';
import { TARGET } from '../../property/suspend-simulation.ts';

export const DAY = 86_400;

/** Delivers until the suspension of the window has ended. */
export async function untilSuspended(simulation: RecoverySimulation): Promise<void> {
  const isSuspended = () => simulation.operations('suspend').at(-1)?.state === 'finished';
  expect(await simulation.until(isSuspended)).toBe(true);
}

/**
 * A simulation whose Keystone answers the next `wrongAnswersLeft` questions about the target
 * project with a wrong 404, and the next `disableFailuresLeft` calls that disable the project with
 * an error.
 */
export class FaultyKeystone extends RecoverySimulation {
  wrongAnswersLeft = 0;
  disableFailuresLeft = 0;
  override get deps() {
    const deps = super.deps;
    const { keystone } = deps.cloud;
    const show: typeof keystone.show = async (type, id) => {
      const isWrong = type === 'project' && id === TARGET && this.wrongAnswersLeft > 0;
      if (!isWrong) return keystone.show(type, id);
      this.wrongAnswersLeft -= 1;
      return { kind: 'absent' };
    };
    const { projectAdmin } = deps.cloud;
    const disable: typeof projectAdmin.disable = async (project) => {
      if (this.disableFailuresLeft <= 0) return projectAdmin.disable(project);
      this.disableFailuresLeft -= 1;
      throw keystoneAway();
    };
    return {
      ...deps,
      cloud: {
        ...deps.cloud,
        keystone: { ...keystone, show },
        projectAdmin: { ...projectAdmin, disable },
      },
    };
  }
}
