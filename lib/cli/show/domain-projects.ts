import { table } from '../output.ts';
import type { OperationShape } from '../shapes.ts';
import type { Colors } from '../terminal.ts';
import { colorState } from './operations.ts';

/**
 * Returns a table of the projects of a domain with their states and counts, each child before its
 * parent. Returns an empty text for an operation without projects.
 */
export function projectTable({ projects = [] }: OperationShape, color: Colors): string {
  if (projects.length === 0) return '';
  const rows = projects.map(({ id, name = id, operationId = '-', state, resources }) => [
    name,
    operationId,
    colorState(state, color),
    resources?.found ?? '-',
    resources?.removed ?? '-',
    resources?.left ?? '-',
  ]);
  const columns = ['PROJECT', 'OPERATION', 'STATE', 'FOUND', 'REMOVED', 'LEFT'];
  return table(columns, rows, ['FOUND', 'REMOVED', 'LEFT']);
}
