import { command, REASON_OPTION } from './command.ts';
import { type Child, h } from './element.ts';
import { countWithNoun, timeText } from './format.ts';
import { hasEnded } from './operations.ts';
import { adviceElements, commandLine, facts, operationLink, section } from './parts.ts';
import type { Operation, Plan } from './shapes.ts';

/** A plan with its approvals, and the commands that read and approve it. */
export function planSection(plan: Plan): Child {
  const { digest, approvals, approvalsNeeded, carriedOutBy, allowedDrift, resources } = plan;
  return section(
    'Plan',
    facts([
      ['Would remove', countWithNoun(resources, 'resource')],
      ['Digest', digest ?? 'the plan is not complete yet'],
      [
        'Approvals',
        `${approvals.length} of ${approvalsNeeded}` +
          (approvals.length > 0
            ? `: ${approvals.map(({ by, at }) => `${by} at ${timeText(at)}`).join(', ')}`
            : ''),
      ],
      ['Drift', `up to ${allowedDrift} resources that appear after the plan are also removed`],
      ['Carried out by', carriedOutBy !== undefined && operationLink(carriedOutBy)],
    ]),
    plan.keystoneCheck.refusals.map(({ message, advice }, index) =>
      h(
        'div',
        { class: 'card bad', 'data-key': `refusal ${index}` },
        h('h3', {}, message),
        adviceElements(advice),
      ),
    ),
    carriedOutBy === undefined &&
      digest !== undefined && [
        h('p', {}, 'Read every resource, and compare the digest:'),
        commandLine(`${command('operation show', plan.id)} --resources`),
        h(
          'p',
          {},
          'Then approve the plan. The command asks no question, and removed resources do not ' +
            'come back. For a recovery window add --recover-for TIME, for example ' +
            '--recover-for 30d.',
        ),
        commandLine(command('operation approve', plan.id, '--digest', digest)),
      ],
  );
}

/** The commands that the state of the operation permits. */
export function offeredCommands(view: Operation): Child {
  const { id, state, request, action } = view.operation;
  const isPlan = action === 'plan';
  // The API releases an observed operation, and runs an ended operation again, only if it is a
  // cleanup.
  const isCleanup = action === 'cleanup';
  const ended = hasEnded(view);
  const withReason = (verb: string) => `${command(`operation ${verb}`, id)} ${REASON_OPTION}`;
  const offered: (readonly [string, string] | false | undefined)[] = [
    !ended && ['Follow it in a terminal', command('operation watch', id)],
    !isPlan && state === 'held' && ['Continue it', withReason('release')],
    isCleanup && state === 'observed' && !request && ['Carry it out', withReason('release')],
    !ended && !isPlan && request !== undefined && ['Cancel the request', withReason('cancel')],
    state === 'recoverable' && [
      'End the window and remove everything now (this cannot be undone)',
      withReason('release'),
    ],
    ended && isCleanup && state !== 'canceled' && ['Run it again', withReason('rerun')],
    ['Show everything', command('operation show', id)],
  ];
  return [
    h(
      'p',
      { class: 'note' },
      'The console changes nothing. Type a command in a terminal in which you are logged in.',
    ),
    offered.map((one) => {
      if (!one) return undefined;
      const [title, line] = one;
      return h(
        'div',
        { class: 'offer', 'data-key': title },
        h('p', {}, title),
        commandLine(line, title),
      );
    }),
  ];
}
