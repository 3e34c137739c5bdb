import { readFileSync } from 'node:fs';
import { readPolicy } from '../policy/read.ts';
import { NO_POLICY, type Policy } from '../policy/schema.ts';
import { settingError } from '../shared/settings.ts';
import { sectionSchemas } from '../task/provision.ts';

/**
 * Returns the policy of the file at `path`, or the default policy if there is no path. The schemas
 * of `services` validate the profiles. Throws `PropagatorError` if the file cannot be read or has
 * an error. A policy with an error is not applied at all.
 */
export function loadPolicy(
  path: string | undefined,
  services: Parameters<typeof sectionSchemas>[0],
): Policy {
  if (path === undefined) return NO_POLICY;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw settingError('PROPAGATOR_POLICY', `the file cannot be read: ${why}`);
  }
  const result = readPolicy(text, sectionSchemas(services));
  if (result.kind === 'policy') return result.policy;
  const [first] = result.problems;
  throw settingError(
    'PROPAGATOR_POLICY',
    `line ${first?.line}: ${first?.message} (all errors: propagator policy check ${path})`,
  );
}
