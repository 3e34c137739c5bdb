import type { ApprovalRules } from '../operation/approval.ts';
import type { Settings } from '../shared/settings.ts';

/** Returns the approval rules of the settings. */
export const approvalRulesOf = (settings: Settings): ApprovalRules => ({
  twoApprovers: settings.PROPAGATOR_TWO_APPROVERS,
  drift: {
    resources: settings.PROPAGATOR_DRIFT_RESOURCES,
    percent: settings.PROPAGATOR_DRIFT_PERCENT,
  },
});
