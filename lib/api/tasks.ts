import type { Hono } from 'hono';
import { TaskId } from '../../events/ids.ts';
import {
  contradiction,
  excess,
  plainReport,
  reportMessage,
  TaskReport,
} from '../../events/task-report.ts';
import type { Task } from '../operation/model.ts';
import { redactDeep } from '../shared/redaction.ts';
import { callerOf } from './authentication.ts';
import { readJson } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { problem } from './problem.ts';

/**
 * Accepts reports of the operator's own services, only for their own tasks: no HTTP request can
 * report that Nova is finished.
 */
export function taskRoutes(app: Hono, { engine, httpPlugins }: ApiDeps): void {
  // The id contains slashes. Clients encode them, and API Gateway passes the decoded path on.
  app.post('/v1/tasks/:id{.+}/report', async (context) => {
    const id = TaskId.parse(context.req.param('id'));
    const report = await readJson(context, TaskReport);
    const task = await engine.reads.task(id);
    if (!task) return context.json(problem('task', 'there is no such task'), 404);
    if (!httpPlugins.includes(task.service))
      return context.json(problem('task', `${task.service} does not report over HTTP`), 403);
    const caller = callerOf(context);
    if (httpPlugins.includes(caller) && caller !== task.service)
      return context.json(
        problem('task', `the token of ${caller} reports tasks of ${caller} only`),
        403,
      );
    const because = notAsked(task) ?? excess(report) ?? contradiction(report, task.phase);
    if (because) return context.json(problem('task', because), 409);
    await engine.commit({
      messages: [redactDeep(reportMessage({ ...task, taskId: id }, plainReport(report)))],
    });
    return context.json({ taken: id }, 202);
  });
}

function notAsked(task: Task): string | undefined {
  if (task.endedAt !== undefined) return `it has ended: ${task.state}`;
  return task.state === 'planning' || task.state === 'requested'
    ? undefined
    : `nothing is asked of it now: it is ${task.state}`;
}
