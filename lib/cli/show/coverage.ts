import { table } from '../output.ts';
import type { LeftOutShape, UncoveredShape } from '../shapes.ts';

/**
 * Returns the lines for the types that no operation cleans up: the type as `waiver add` needs it,
 * the reason and the advice.
 */
export function uncoveredLines(uncovered: readonly UncoveredShape[]): string[] {
  return uncovered.flatMap(({ type, name, because, advice }) => [
    `? ${name === '' || name === type ? type : `${type} (${name})`}: ` +
      (because ?? 'it is in the catalog, and no service file covers it'),
    ...(advice ? [`    ${advice}`] : []),
  ]);
}

/** Lines for regions that a setting excludes. */
export const leftOutLines = (leftOut: readonly LeftOutShape[]): string[] =>
  leftOut.map(
    ({ region, types, setting }) => `- region ${region}, by ${setting}: ${types.join(', ')}`,
  );

/** A table of types that no service file covers. */
export const uncoveredTable = (uncovered: readonly UncoveredShape[]): string =>
  table(
    ['TYPE', 'NAME'],
    uncovered.map(({ type, name }) => [type, name]),
  );
