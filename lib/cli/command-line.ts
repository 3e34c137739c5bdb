import { Command, CommanderError } from 'commander';
import { PropagatorError } from '../shared/errors.ts';
import { auditCommands } from './commands/audit.ts';
import { deadLetterCommands } from './commands/dead-letters.ts';
import { holdCommands } from './commands/holds.ts';
import { policyCommands } from './commands/lifecycle.ts';
import { operationCommands } from './commands/operations.ts';
import { queueCommands } from './commands/queues.ts';
import { registerCommands } from './commands/register.ts';
import { serviceCommands } from './commands/services.ts';
import { stopCommands } from './commands/stop.ts';
import { suspiciousCommands } from './commands/suspicious.ts';
import { watchCommand } from './commands/watch.ts';
import { completionScript, SHELLS } from './completion.ts';
import { OPERATION_EXIT_CODES_TEXT } from './exit-code.ts';
import { escapeControls } from './format.ts';
import { renamedCommandText } from './renamed-commands.ts';
import { EXIT, type Terminal, UsageError } from './terminal.ts';

const EXIT_CODES_TEXT = `
Exit codes: 0 success, 1 error or refused request, 64 wrong usage, 141 the output pipe was closed.
Commands that show or follow an operation also return:
${OPERATION_EXIT_CODES_TEXT}.
\`audit verify\` returns 3 for a broken log, and \`project drift\` for a difference.

Example:
  propagator operation list --state held`;

/**
 * Runs one command line. `commandLine` does not contain the name of the program. Returns the exit
 * code; never throws.
 */
export async function runCommand(
  commandLine: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const renamedText = renamedCommandText(commandLine);
  if (renamedText !== undefined) {
    terminal.writeError(`error: ${escapeControls(renamedText)}\n`);
    return EXIT.usage;
  }
  try {
    await createProgram(terminal).parseAsync(commandLine, { from: 'user' });
    return terminal.exitCode;
  } catch (thrown) {
    // Commander has already written the text of this error.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (thrown instanceof UsageError) {
      terminal.writeError(`error: ${escapeControls(thrown.message)}\n`);
      return EXIT.usage;
    }
    return writeFailure(thrown, terminal);
  }
}

/** Writes the error of a failed command, and its advice. Returns the exit code. */
function writeFailure(thrown: unknown, terminal: Terminal): number {
  const report = thrown instanceof PropagatorError ? thrown.report : undefined;
  const message = report?.message ?? String(thrown);
  const adviceLine = report?.advice ? `${escapeControls(report.advice)}\n` : '';
  terminal.writeError(`propagator: ${escapeControls(message)}\n${adviceLine}`);
  // The API refused an input that the command line contains.
  return report?.code === 'api.input' ? EXIT.usage : EXIT.error;
}

function createProgram(terminal: Terminal): Command {
  const program = new Command('propagator')
    .description(
      'Carries account changes of Keystone to every OpenStack service and shows their progress.',
    )
    .addHelpText('after', EXIT_CODES_TEXT)
    .configureOutput({ writeOut: terminal.write, writeErr: terminal.writeError })
    .option('--os-cloud <name>', 'log in to Keystone with this cloud of clouds.yaml (OS_CLOUD)')
    .hook('preAction', (command) => {
      const { osCloud } = command.opts<{ osCloud?: string }>();
      if (osCloud !== undefined) terminal.chooseCloud?.(osCloud);
    })
    .exitOverride()
    .showSuggestionAfterError()
    .version(terminal.version, '--version', 'print the version');
  processCommands(program);
  operationCommands(program, terminal);
  watchCommand(program, terminal);
  policyCommands(program, terminal);
  holdCommands(program, terminal);
  serviceCommands(program, terminal);
  deadLetterCommands(program, terminal);
  queueCommands(program, terminal);
  suspiciousCommands(program, terminal);
  auditCommands(program, terminal);
  stopCommands(program, terminal);
  registerCommands(program, terminal);
  completionCommand(program, terminal);
  return program;
}

/** `start` and `relay`: the commands whose process works until it is stopped. */
function processCommands(program: Command): void {
  program
    .command('start')
    .addHelpText('after', '\nExample:\n  PROPAGATOR_MODE=observe propagator start')
    .description('run the whole propagator in this process until SIGTERM or Ctrl-C')
    .option(
      '--begin-empty',
      'create an empty database if the database in the data folder is missing or damaged; ' +
        'the folder of the old database is renamed first',
    )
    .action(async (options: { beginEmpty?: boolean }) => {
      const { start } = await import('./start.ts');
      await start(process.env, options);
    });
  program
    .command('relay')
    .addHelpText('after', '\nExample:\n  PROPAGATOR_INGEST_QUEUE_URL=https://… propagator relay')
    .description(
      'run only the relay: forward notifications from RabbitMQ to an SQS queue ' +
        '(PROPAGATOR_INGEST_QUEUE_URL) until SIGTERM or Ctrl-C',
    )
    .action(async () => {
      const { relay } = await import('./relay.ts');
      await relay(process.env);
    });
}

function completionCommand(program: Command, terminal: Terminal): void {
  program
    .command('completion <shell>')
    .description(`print a shell script that completes commands and options: ${SHELLS.join(', ')}`)
    .addHelpText('after', '\nExample:\n  source <(propagator completion bash)')
    .action((name: string) => {
      const shell = SHELLS.find((one) => one === name);
      if (!shell)
        throw new UsageError(`there is no completion for ${name}; use one of ${SHELLS.join(', ')}`);
      terminal.write(completionScript(shell, program));
    });
}
