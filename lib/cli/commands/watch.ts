import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { exitCodeOf, hasEnded, OPERATION_EXIT_CODES_TEXT } from '../exit-code.ts';
import { withoutControlCharacters } from '../format.ts';
import type { OperationShape } from '../shapes.ts';
import { changeKey, liveView, type Sample, watchLine } from '../show/watch.ts';
import type { Terminal } from '../terminal.ts';
import { followOperation } from '../watch.ts';

/** The maximum number of samples that are kept for the rate. */
const MAX_SAMPLES = 200;
const REDRAW_MILLIS = 1000;

/** `operation watch`. The command group `operation` must exist already. */
export function watchCommand(program: Command, terminal: Terminal): void {
  const operation = program.commands.find((command) => command.name() === 'operation') ?? program;
  operation
    .command('watch <id>')
    .description('follow one operation until it ends: progress, rate, and what it waits for')
    .addHelpText(
      'after',
      `
On a terminal the view is redrawn in place; otherwise each change is one line.
Exit codes: 0 the operation is finished or observed;
${OPERATION_EXIT_CODES_TEXT}.
Ctrl-C ends only the command, not the operation.

Example:
  propagator operation watch op-4f0c1a2b3c4d`,
    )
    .action((id: string) => watchOperation(id, terminal));
}

/** Follows an operation on the terminal to its end, and sets the exit code of the command. */
async function watchOperation(id: string, terminal: Terminal): Promise<void> {
  const lastState = await watchUntil(id, terminal, hasEnded);
  if (lastState)
    terminal.write(
      `${id} has ended: ${lastState.operation.state}. Details: propagator operation show ${id}\n`,
    );
}

/**
 * Follows an operation on the terminal until `isOver` is true or the operation has ended, and sets
 * the exit code. Returns the last state, without control characters.
 */
export async function watchUntil(
  id: string,
  terminal: Terminal,
  isOver: (state: OperationShape) => boolean,
): Promise<OperationShape | undefined> {
  const { client, color, now, redraw, sleep = pause } = terminal;
  const samples: Sample[] = [];
  let lastState: OperationShape | undefined;
  let printedKey = '';
  const draw = () => {
    if (lastState && redraw) redraw(liveView(lastState, samples, now(), color));
  };
  // The view shows durations, which grow even while the operation does not change.
  const timer = redraw ? setInterval(draw, REDRAW_MILLIS) : undefined;
  try {
    for await (const state of followOperation(id, { client, sleep })) {
      lastState = withoutControlCharacters(state);
      samples.push({ at: now(), removed: state.resources.removed });
      samples.splice(0, samples.length - MAX_SAMPLES);
      draw();
      if (!redraw && changeKey(lastState) !== printedKey)
        terminal.write(`${watchLine(lastState, samples, now())}\n`);
      printedKey = changeKey(lastState);
      if (isOver(lastState)) break;
    }
  } finally {
    clearInterval(timer);
  }
  if (lastState) terminal.exitCode = exitCodeOf(lastState);
  return lastState;
}
