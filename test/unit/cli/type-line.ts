import { apiFetchOf } from '../../../lib/cli/aws-signature.ts';
import { ApiClient } from '../../../lib/cli/client.ts';
import { runCommand } from '../../../lib/cli/command-line.ts';
import { tokenOf } from '../../api-tokens.ts';
import { plain } from './samples.ts';

type Terminal = Parameters<typeof runCommand>[1];

const BASE = 'http://127.0.0.1:8787';

/** The client of ann's commands, whose requests go to `send`. */
export const clientOfAnn = (send: (url: string, init: RequestInit) => Promise<Response>) =>
  new ApiClient(BASE, apiFetchOf(BASE, { PROPAGATOR_API_TOKEN: tokenOf('ann') }, undefined, send));

/**
 * Types a command, and returns its exit code and its output. Text in double quotes is one word.
 */
export async function typeLine(
  line: string,
  terminal: Pick<Terminal, 'client' | 'now'> & Partial<Terminal>,
): Promise<{ code: number; out: string; err: string }> {
  const output: string[] = [];
  const errorOutput: string[] = [];
  const words = line.match(/"[^"]*"|\S+/g)?.map((word) => word.replaceAll('"', '')) ?? [];
  const code = await runCommand(words, {
    version: '1.2.3',
    color: plain,
    write: (text) => void output.push(text),
    writeError: (text) => void errorOutput.push(text),
    exitCode: 0,
    ...terminal,
  });
  return { code, out: output.join(''), err: errorOutput.join('') };
}
