import { table } from '../output.ts';
import type { LeftOutShape, UncoveredShape } from '../shapes.ts';

/** What no operation empties, with the reason and what the operator can do; `TYPE` is what is waived. */
export function uncoveredLines(uncovered: readonly UncoveredShape[]): string[] {
  return uncovered.flatMap(({ type, name, because, advice }) => [
    `? ${name === '' || name === type ? type : `${type} (${name})`}: ${because ?? 'the catalog has it, and no service file covers it'}`,
    ...(advice ? [`    ${advice}`] : []),
  ]);
}

/** Regions that a setting leaves out. */
export const leftOutLines = (leftOut: readonly LeftOutShape[]): string[] =>
  leftOut.map(
    ({ region, types, setting }) => `- region ${region}, by ${setting}: ${types.join(', ')}`,
  );

export const uncoveredTable = (uncovered: readonly UncoveredShape[]): string =>
  table(
    ['TYPE', 'NAME'],
    uncovered.map(({ type, name }) => [type, name]),
  );
