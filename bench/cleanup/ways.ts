import type { Cloud } from '../../test/openstack/cloud.ts';
import { describeView, isOver, type Propagator, type View } from '../../test/openstack/driver.ts';
import type { Customer, PopulatedProject } from '../../test/openstack/populate.ts';
import { bareDeletions } from './bare.ts';
import type { Size } from './fill.ts';
import { terminationTimesOf } from './left.ts';
import { clientCommand, projectCleanup, swiftDelete, versionOf } from './peer.ts';
import { describeCalls, describeTrace, nameOf, readTrace, type TracedCall } from './trace.ts';

/** The interval between the two confirmations of a deletion by the measured propagator. */
export const CONFIRMATION_SECONDS = 1;

/** The result of emptying projects in one way. */
export interface EmptyingResult {
  readonly endedAt: number;
  readonly remark: string;
  readonly notes: string[];
}

/** One of the compared ways to empty projects. */
export interface Way {
  readonly name: string;
  /**
   * Empties the projects. `endedAt`: when they were empty, in epoch milliseconds. `remark` is a cell
   * of the table; `notes` are printed below the table.
   */
  empty(projects: readonly PopulatedProject[]): Promise<EmptyingResult>;
}

/** The interval is long, because each read of an operation slows the propagator down. */
const POLL_MILLIS = 1000;

/**
 * Deletes one project in Keystone and waits for the end of its operation. `deletedAt`: the time of
 * Keystone's answer.
 */
async function deleteAndWait(cloud: Cloud, propagator: Propagator, project: PopulatedProject) {
  await cloud.admin.call('identity', 'DELETE', `/projects/${project.id}`);
  const deletedAt = Date.now();
  const about = { project: project.id };
  const view = await propagator.operation(about, isOver, 900, POLL_MILLIS);
  return { view, deletedAt };
}

/** Returns a text with the start and the end of each task that found resources. */
function serviceTimes(view: View, deletedAt: number): string {
  const secondsText = (time: number | null | undefined) =>
    time ? `${((time - deletedAt) / 1000).toFixed(1)} s` : '-';
  const busyTasks = view.tasks.filter(({ counts }) =>
    Object.values(counts).some(({ found }) => found > 0),
  );
  return busyTasks
    .map(
      ({ service, startedAt, endedAt, run }) =>
        `${service} ${secondsText(startedAt)} to ${secondsText(endedAt)} in ${run} runs`,
    )
    .join('; ');
}

/** Returns the way of keystone-propagator. `traceFile`: the file in which it traces its calls. */
export function propagatorWay(cloud: Cloud, propagator: Propagator, traceFile: string): Way {
  return {
    name: 'keystone-propagator',
    async empty(projects) {
      const from = Date.now();
      const deletions = await Promise.all(
        projects.map((project) => deleteAndWait(cloud, propagator, project)),
      );
      const endTimes = deletions.map(({ view }) => view.operation.endedAt ?? Date.now());
      const to = Math.max(...endTimes);
      const calls = readTrace(traceFile, from, to);
      const [firstDeletion] = deletions;
      const [firstProject] = projects;
      if (!firstDeletion || !firstProject) return { endedAt: to, remark: '', notes: [] };
      const { view, deletedAt } = firstDeletion;
      return {
        endedAt: to,
        remark: `${calls.length} calls`,
        notes: [
          `services: ${serviceTimes(view, deletedAt)}`,
          ...(await traceNotes(cloud, firstProject.id, calls, from)),
          describeTrace(calls, from, to),
          ...(process.env.BENCH_CALLS ? [describeCalls(calls, from)] : []),
          ...(process.env.BENCH_VERBOSE ? deletions.map((one) => describeView(one.view)) : []),
        ],
      };
    },
  };
}

/** Returns texts with the times of the first DELETE call and of the ends of the servers. */
async function traceNotes(
  cloud: Cloud,
  projectId: string,
  calls: readonly TracedCall[],
  from: number,
): Promise<string[]> {
  const firstRemoval = calls.find(({ method }) => method === 'DELETE');
  const terminatedAt = await terminationTimesOf(cloud, projectId);
  const lastServerListing = calls.findLast((call) => nameOf(call) === 'GET /servers/detail');
  const secondsText = (time: number | undefined) =>
    time === undefined ? '-' : `${((time - from) / 1000).toFixed(2)} s`;
  return [
    `first DELETE ${secondsText(firstRemoval?.from)} after the request to Keystone, which ` +
      `includes ${CONFIRMATION_SECONDS} s between two confirmations`,
    `Nova terminated the first server at ${secondsText(terminatedAt.at(0))}, the last at ` +
      `${secondsText(terminatedAt.at(-1))} (Nova rounds down to whole seconds); the last listing ` +
      `of servers ended at ${secondsText(lastServerListing?.to)}`,
  ];
}

/** Returns the way that only sends DELETE calls, at most `concurrency` at the same time. */
export const bareWay = (concurrency: number): Way => ({
  name: `bare DELETE calls, ${concurrency} at a time`,
  async empty(projects) {
    await Promise.all(projects.map((project) => bareDeletions(project, concurrency)));
    return { endedAt: Date.now(), remark: '', notes: [] };
  },
});

/**
 * Returns the way of the client that empties projects of this size: `openstack`, or `swift` for
 * objects.
 */
export function peerWay(cloud: Cloud, customer: Customer, size: Size): Way {
  const isSwift = size.objects !== undefined;
  const command = clientCommand(isSwift ? 'swift' : 'openstack');
  const emptyProject = isSwift ? swiftDelete : projectCleanup;
  return {
    name: `${isSwift ? 'swift delete --all' : 'openstack project cleanup'} (${versionOf(command)})`,
    async empty(projects) {
      const notes: string[] = [];
      let code: number | null = 0;
      for (const project of projects) {
        const run = await emptyProject(command, cloud, customer, project);
        if (run.code === 0) continue;
        code = run.code;
        notes.push(`the last lines of the client's output:\n${run.output}`);
      }
      return { endedAt: Date.now(), remark: `exit code ${code}`, notes };
    },
  };
}
