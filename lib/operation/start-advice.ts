import type { Scope } from './model.ts';

const CHANGE_IN_KEYSTONE = {
  suspend: 'disabled',
  resume: 'enabled',
  provision: 'created',
} as const;

/**
 * Returns the advice on how the action is started for the account. Commands start these actions for
 * projects only.
 */
export function startAdvice(action: keyof typeof CHANGE_IN_KEYSTONE, { type, id }: Scope): string {
  return type === 'project'
    ? `Type: propagator project ${action} ${id} --reason "…"`
    : `No command starts a ${action} of a ${type}. The propagator starts it when Keystone shows ` +
        `that the ${type} is ${CHANGE_IN_KEYSTONE[action]}.`;
}
