import { hasEnded } from '../exit-code.ts';
import { withoutControlCharacters } from '../format.ts';
import { type OperationShape, type WaiverShape, WaiversShape } from '../shapes.ts';
import type { Terminal } from '../terminal.ts';

/**
 * Returns the waivers that apply to an operation, without control characters. The current waivers
 * apply to a running operation. An ended operation has stored the waivers that applied at its end.
 */
export async function waiversOf(
  view: OperationShape,
  { client }: Terminal,
): Promise<readonly WaiverShape[]> {
  const waivers = hasEnded(view)
    ? view.operation.waived
    : (await client.get('/v1/waivers', WaiversShape)).waivers;
  return withoutControlCharacters(waivers);
}
