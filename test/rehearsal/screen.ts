import { createLogUpdate } from 'log-update';
import { createColors, durationText, table } from '../../lib/cli/output.ts';
import type { OperationShape } from '../../lib/cli/shapes.ts';

/**
 * The output of the rehearsal: a table that is redrawn on a terminal, or a line for each new state of
 * an operation elsewhere.
 */
export interface Screen {
  /** Prints a permanent line. */
  print(line: string): void;
  show(operations: readonly OperationShape[]): void;
  done(): void;
}

const MARKS: Readonly<Record<string, string>> = {
  finished: '✔',
  skipped: '–',
  'dead-lettered': '✖',
  pending: '·',
  planning: '?',
  requested: '▸',
  unreachable: '!',
};

function rows(
  operations: readonly OperationShape[],
  paint: (state: string, text: string) => string,
): (string | number)[][] {
  return operations.flatMap(({ operation, tasks, resources }) => {
    if (operation.scope.type === 'domain')
      return [[`domain ${operation.scope.name ?? ''}`, operation.state, '', '', '', '']];
    const services = tasks.map((task) => {
      const left = Object.values(task.counts).reduce((sum, count) => sum + count.left, 0);
      return paint(task.state, `${MARKS[task.state] ?? ' '} ${task.service} ${left}`);
    });
    return [
      [
        operation.scope.name ?? operation.scope.id,
        operation.state,
        resources.found,
        resources.removed,
        resources.left,
        services.join('  '),
      ],
    ];
  });
}
const HEAD = ['PROJECT', 'STATE', 'FOUND', 'REMOVED', 'LEFT', 'SERVICES, WITH RESOURCES LEFT'];
const RIGHT = ['FOUND', 'REMOVED', 'LEFT'];

function terminal(): Screen {
  const color = createColors(process.stdout, process.env);
  const tableOutput = createLogUpdate(process.stdout);
  const paint = (state: string, text: string): string =>
    (
      ({
        finished: color.green,
        'dead-lettered': color.red,
        requested: color.cyan,
        planning: color.yellow,
      })[state] ?? color.dim
    )(text);
  const startedAt = Date.now();
  let last = '';
  return {
    print(line) {
      tableOutput.clear();
      process.stdout.write(`${color.bold(line)}\n`);
      tableOutput(last);
    },
    show(operations) {
      last = `\n${table(HEAD, rows(operations, paint), RIGHT)}\n\n${color.dim(durationText(Date.now() - startedAt))}`;
      tableOutput(last);
    },
    done: () => tableOutput.done(),
  };
}

function plain(): Screen {
  const printed = new Map<string, string>();
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  return {
    print,
    show(operations) {
      for (const { operation, resources } of operations) {
        if (operation.scope.type === 'user') continue;
        const { id, name = id, type } = operation.scope;
        const isDone = operation.state === 'finished' && type === 'project';
        const removed = isDone ? `, ${resources.removed} removed` : '';
        printOnce(id, `   ${type} ${name}: ${operation.state}${removed}`);
      }
    },
    done() {},
  };
  function printOnce(key: string, line: string): void {
    if (printed.get(key) === line) return;
    printed.set(key, line);
    print(line);
  }
}

export const openScreen = (): Screen => (process.stdout.isTTY ? terminal() : plain());
