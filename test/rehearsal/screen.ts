import { createLogUpdate } from 'log-update';
import { colors, duration, table } from '../../lib/cli/output.ts';
import type { OperationShape } from '../../lib/cli/shapes.ts';

/**
 * Where the rehearsal shows itself: a picture that is redrawn on a terminal, plain lines of what
 * has changed elsewhere.
 */
export interface Screen {
  /** A line that stays. */
  say(line: string): void;
  show(operations: readonly OperationShape[]): void;
  done(): void;
}

const MARKS: Readonly<Record<string, string>> = {
  finished: '✔',
  skipped: '–',
  errored: '✖',
  pending: '·',
  surveying: '?',
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
const HEAD = [
  'PROJECT',
  'STATE',
  'FOUND',
  'REMOVED',
  'LEFT',
  'SERVICES, WITH WHAT IS LEFT IN EACH',
];
const RIGHT = ['FOUND', 'REMOVED', 'LEFT'];

function terminal(): Screen {
  const color = colors(process.stdout, process.env);
  const picture = createLogUpdate(process.stdout);
  const paint = (state: string, text: string): string =>
    (
      ({
        finished: color.green,
        errored: color.red,
        requested: color.cyan,
        surveying: color.yellow,
      })[state] ?? color.dim
    )(text);
  const startedAt = Date.now();
  let last = '';
  return {
    say(line) {
      picture.clear();
      process.stdout.write(`${color.bold(line)}\n`);
      picture(last);
    },
    show(operations) {
      last = `\n${table(HEAD, rows(operations, paint), RIGHT)}\n\n${color.dim(duration(Date.now() - startedAt))}`;
      picture(last);
    },
    done: () => picture.done(),
  };
}

function plain(): Screen {
  const said = new Map<string, string>();
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  return {
    say,
    show(operations) {
      for (const { operation, tasks } of operations) {
        const name = operation.scope.name ?? operation.scope.id;
        for (const task of tasks) {
          const counts = Object.values(task.counts);
          const sum = (what: 'found' | 'removed' | 'left'): number =>
            counts.reduce((total, count) => total + count[what], 0);
          tell(
            `${name}/${task.service}`,
            `  ${name.padEnd(11)} ${task.service.padEnd(9)} ${task.state.padEnd(10)} found ${sum('found')}, removed ${sum('removed')}, left ${sum('left')}`,
          );
        }
        tell(name, `  ${name.padEnd(11)} operation ${operation.state}`);
      }
    },
    done() {},
  };
  function tell(key: string, line: string): void {
    if (said.get(key) === line) return;
    said.set(key, line);
    say(line);
  }
}

export const openScreen = (): Screen => (process.stdout.isTTY ? terminal() : plain());
