import { readFileSync } from 'node:fs';
import { readPolicy } from '../policy/read.ts';
import { SERVICES } from '../services/index.ts';
import { PropagatorError } from '../shared/errors.ts';
import { sectionSchemas } from '../task/provision.ts';

/**
 * Reads and checks a policy file. Its profiles may have the sections of the built-in services.
 * Returns the policy, or the errors in the file with their lines. Throws `PropagatorError` when the
 * file cannot be read.
 */
export const readPolicyFile = (file: string) =>
  readPolicy(contentOf(file), sectionSchemas(SERVICES));

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new PropagatorError({
      code: 'policy.file',
      class: 'Denied',
      message: `${file} cannot be read: ${error instanceof Error ? error.message : error}`,
      advice: 'Name a file that exists: propagator policy check policy.yaml',
    });
  }
}
