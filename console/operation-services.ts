import { REASON_OPTION } from './command.ts';
import { type Child, h } from './element.ts';
import { capital, countWithNoun, numberText, sumCounts } from './format.ts';
import { hasEnded, onlyCounts } from './operations.ts';
import {
  adviceElements,
  amount,
  bar,
  empty,
  operationLink,
  section,
  stateElement,
  table,
} from './parts.ts';
import type { Operation } from './shapes.ts';

/** The word for completed resources, by action. */
export const doneWord = (action: string): string =>
  ({ provision: 'ready', suspend: 'suspended', resume: 'resumed' })[action] ?? 'removed';

/** The services with their progress. */
export function servicesSection(view: Operation): Child {
  const { operation, tasks } = view;
  const isSkipped = (task: TaskView) => task.state === 'skipped';
  const shownTasks = tasks.filter((task) => !isSkipped(task));
  if (shownTasks.length === 0)
    return (
      !hasEnded(view) &&
      (view.projects ?? []).length === 0 &&
      section(
        'Services',
        empty(
          'No service has begun yet. The services begin after ' +
            `${operation.state === 'recoverable' ? 'the recovery window' : 'the counting'}.`,
        ),
      )
    );
  const skipped = tasks.filter(isSkipped).map(({ service }) => service);
  const totals = ({ counts }: TaskView) => sumCounts(Object.values(counts));
  const progressColumns = [
    { title: 'Progress', cell: (task: TaskView) => bar(totals(task), task.service) },
    numberColumn('Found', (task) => totals(task).found),
    numberColumn(capital(doneWord(operation.action)), (task) => totals(task).removed),
    numberColumn('Left', (task) => totals(task).left),
  ];
  return section(
    'Services',
    table<TaskView>(
      'Services of this operation',
      [
        { title: 'Service', isHead: true, cell: ({ service, region }) => `${service} (${region})` },
        { title: 'State', cell: ({ state }) => stateElement(state) },
        ...(onlyCounts(view)
          ? [numberColumn('Counted', (task) => totals(task).found)]
          : progressColumns),
        { title: 'Resources', cell: (task) => typesOf(task, doneWord(operation.action)) },
      ],
      shownTasks,
      ({ id }) => id,
    ),
    skipped.length > 0 &&
      h('p', { class: 'note' }, `Not in this cloud or off: ${skipped.join(', ')}.`),
  );
}

type TaskView = Operation['tasks'][number];
const numberColumn = (title: string, numberOf: (task: TaskView) => number) => ({
  title,
  isNumber: true,
  cell: (task: TaskView) => amount(numberOf(task)),
});

/** The resource types of a task with found resources, and the number that is left of each. */
function typesOf({ counts, because }: TaskView, done: string): Child {
  const foundTypes = Object.entries(counts).filter(([, { found }]) => found > 0);
  return [
    because !== undefined && h('p', {}, because),
    foundTypes.length > 0 &&
      h(
        'details',
        {},
        h('summary', {}, countWithNoun(foundTypes.length, 'type')),
        h(
          'ul',
          {},
          foundTypes.map(([type, { found, left }]) =>
            h(
              'li',
              { 'data-key': type },
              `${type}: ${numberText(found - left)} of ${numberText(found)} ${done}, ` +
                `${numberText(left)} left`,
            ),
          ),
        ),
      ),
  ];
}

/** The projects of a domain. */
export function projectsSection({ projects = [] }: Operation): Child {
  if (projects.length === 0) return undefined;
  return section(
    'Projects, the deepest first',
    table(
      'Projects of the domain',
      [
        { title: 'Project', isHead: true, cell: ({ id, name }) => name ?? id },
        { title: 'State', cell: ({ state }) => stateElement(state) },
        {
          title: 'Operation',
          cell: ({ operationId }) => (operationId === undefined ? '-' : operationLink(operationId)),
        },
        { title: 'Found', isNumber: true, cell: ({ resources }) => amount(resources?.found) },
        { title: 'Left', isNumber: true, cell: ({ resources }) => amount(resources?.left) },
      ],
      projects,
      ({ id }) => id,
    ),
  );
}

/** The title of {@link remainsSection}. */
export const REMAINS_TITLE = 'Remains or is unknown';

/** Shows the resources that remain, could not be listed, or are not covered. */
export function remainsSection({ operation, tasks }: Operation): Child {
  const notes = tasks.flatMap(({ service, region, state, conditions }) =>
    conditions
      .filter((one) => one.class === 'Unsupported' && one.actor === 'operator')
      .map((one) => ({
        key: `${service} ${region} ${one.resourceType ?? ''} ${one.message}`,
        title:
          `${one.resourceType ?? service}${one.count > 1 ? ` (${numberText(one.count)})` : ''}: ` +
          one.message,
        what: state === 'unreachable' ? 'could not be listed' : 'retained',
        advice: one.advice,
      })),
  );
  const uncovered = operation.uncovered.map(({ type, name, because, advice }) => ({
    key: `uncovered ${type}`,
    title: `${type} (${name})${because === undefined ? '' : `: ${because}`}`,
    what: 'not covered, so its resources are unknown',
    advice:
      advice ??
      `If this type has no resources of projects: propagator waiver add ${type} ${REASON_OPTION}`,
  }));
  const all = [...notes, ...uncovered];
  if (all.length === 0) return undefined;
  return section(
    REMAINS_TITLE,
    all.map(({ key, title, what, advice }) =>
      h(
        'div',
        { class: 'card quiet', 'data-key': key },
        h('h3', {}, title),
        h('p', {}, capital(what), '.'),
        adviceElements(advice),
      ),
    ),
  );
}
