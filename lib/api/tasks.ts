import type { Hono } from 'hono';
import { TaskId } from '../../events/ids.ts';
import {
  contradictionReason,
  oversizeReason,
  plainReport,
  reportEvent,
  TaskReport,
} from '../../events/task-report.ts';
import type { Task } from '../operation/model.ts';
import { redactDeep } from '../shared/redaction.ts';
import { pluginNameOf } from './authentication.ts';
import { readJson } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { problemBody } from './problem.ts';

/** Accepts the reports of HTTP plugins about their own tasks, and refuses all other reports. */
export function taskRoutes(app: Hono, { engine, httpPlugins }: ApiDeps): void {
  // The id contains slashes. Clients encode them, and API Gateway passes the decoded path on.
  app.post('/v1/tasks/:id{.+}/report', async (context) => {
    const id = TaskId.parse(context.req.param('id'));
    const report = await readJson(context, TaskReport);
    const task = await engine.reads.task(id);
    if (!task) return context.json(problemBody('task', 'there is no task with this id'), 404);
    if (!httpPlugins.includes(task.service))
      return context.json(
        problemBody(
          'task',
          `${task.service} is not an HTTP plugin, so its reports are not accepted here`,
        ),
        403,
      );
    const caller = pluginNameOf(context);
    if (httpPlugins.includes(caller) && caller !== task.service)
      return context.json(
        problemBody('task', `the token of ${caller} may only report tasks of ${caller}`),
        403,
      );
    const because =
      whyNotExpected(task) ?? oversizeReason(report) ?? contradictionReason(report, task.phase);
    if (because) return context.json(problemBody('task', because), 409);
    await engine.commit({
      messages: [redactDeep(reportEvent({ ...task, taskId: id }, plainReport(report)))],
    });
    return context.json({ taken: id }, 202);
  });
}

/** Returns why the task expects no report now, or `undefined`. */
function whyNotExpected(task: Task): string | undefined {
  if (task.endedAt !== undefined) return `the task has already ended as ${task.state}`;
  return task.state === 'planning' || task.state === 'requested'
    ? undefined
    : `no report is expected, because the task is ${task.state}`;
}
