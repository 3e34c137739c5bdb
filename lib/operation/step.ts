import type { TaskId } from '../../events/ids.ts';
import type { ServiceReport } from '../../events/service.ts';
import { type Acted, takeActed } from './acts.ts';
import { type DomainProject, openProjects, takeChildren } from './domain.ts';
import { Draft, type Rules, type Step } from './draft.ts';
import { type Truth, takeLook } from './look.ts';
import type { Operation, Task } from './model.ts';
import { takeRelease } from './release.ts';
import { type Discarded, takeDiscard, takeRedrive, takeReport } from './report.ts';

/** Everything that can happen to an operation. */
export type Input =
  | {
      readonly is: 'look';
      readonly look: number;
      readonly truth: Truth;
      readonly projects?: readonly DomainProject[];
    }
  | { readonly is: 'report'; readonly report: ServiceReport }
  | ({ readonly is: 'acted' } & Acted)
  | { readonly is: 'redriven'; readonly taskId: TaskId }
  | ({ readonly is: 'discarded' } & Discarded)
  | { readonly is: 'released'; readonly by: string; readonly reason: string; readonly since?: number | undefined }
  | { readonly is: 'child-ended'; readonly children: readonly Operation[] };

/**
 * One step of the coordinator: what was, what happened, what follows. Pure; repeatable; says nothing when nothing follows.
 * The caller commits the step as a whole, and on a conflict reads again and asks again.
 */
export function step(operation: Operation, tasks: readonly Task[], input: Input, rules: Rules): Step | undefined {
  const draft = new Draft(operation, tasks);
  switch (input.is) {
    case 'look':
      takeLook(draft, input.look, input.truth, rules);
      if (input.truth.is === 'absent' && input.projects) openProjects(draft, input.projects, rules);
      break;
    case 'report':
      takeReport(draft, input.report, rules);
      break;
    case 'acted':
      takeActed(draft, input, rules);
      break;
    case 'redriven':
      takeRedrive(draft, draft.task(input.taskId), rules);
      break;
    case 'discarded':
      takeDiscard(draft, input, rules);
      break;
    case 'released':
      takeRelease(draft, input, rules);
      break;
    case 'child-ended':
      takeChildren(draft, input.children, rules.now);
      break;
  }
  const done = draft.done();
  const unchanged = draft.operation === operation && done.operations.length === 1 && done.tasks.length === 0 && done.messages.length === 0;
  return unchanged ? undefined : done;
}
