import * as z from 'zod';
import { TaskReport } from '../../events/task-report.ts';
import {
  AuditShape,
  AuditVerificationShape,
  DeadLettersShape,
  OperationShape,
  OperationsShape,
  PlanShape,
  QuarantineShape,
  ServicesShape,
  StatusShape,
  StopShape,
  StopsShape,
  WaiversShape,
} from '../cli/shapes.ts';
import type { Route } from './access.ts';
import { AuditQuery, VerifyQuery } from './audit.ts';
import { DeadLetterSelection, DecisionQuery, DiscardBody, RedriveBody } from './dead-letters.ts';
import { HoldBody } from './holds.ts';
import { ProjectQuery } from './inventory-projects.ts';
import { LimitQuery } from './limit.ts';
import { MAX_NOTIFICATIONS } from './notifications.ts';
import { ReleaseBody } from './operation-decisions.ts';
import { OperationQuery } from './operation-views.ts';
import { CleanupBody, RerunBody } from './operations.ts';
import { ApprovalBody } from './plan-approval.ts';
import { DomainQuery, PlanBody } from './plan-schemas.ts';
import { SuspendResumeBody } from './projects.ts';
import { ProfileQuery, ProvisionBody } from './provision.ts';
import { WaiverBody } from './services.ts';
import { StopBody } from './stop.ts';
import { SuspicionBody } from './suspicious.ts';

/** The OpenAPI description of one route. */
export interface RouteDescription {
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** The successful answers by status. */
  readonly answers: Readonly<Record<number, z.ZodType>>;
  /** The answer 200 is a stream of server-sent events. A platform without streams answers 406. */
  readonly isStream?: boolean;
}

const anyObject = z.looseObject({});
const openedAnswer = z.looseObject({ opened: z.string().nullable() });
const countAndLeft = (key: string) => z.looseObject({ [key]: z.number(), left: z.number() });

/**
 * The description of each route. The levels of the routes are in `access.ts`, because
 * authentication needs them and must not import the routes.
 */
export const ROUTE_DESCRIPTIONS: Readonly<Record<Route, RouteDescription>> = {
  'GET /healthz': {
    summary: 'The health of the process. 503 if a part of it does not work.',
    answers: { 200: z.looseObject({ ok: z.boolean() }), 503: z.looseObject({}) },
  },
  'GET /v1/openapi.json': { summary: 'This document.', answers: { 200: anyObject } },
  'GET /v1/status': {
    summary: 'Counters, queues and the stop switch.',
    answers: { 200: StatusShape },
  },
  'GET /v1/operations': {
    summary: 'Operations, newest first.',
    query: OperationQuery,
    answers: { 200: OperationsShape },
  },
  'POST /v1/operations': {
    summary: 'Request the cleanup of a project that still exists.',
    body: CleanupBody,
    answers: { 202: openedAnswer },
  },
  'GET /v1/operations/events': {
    summary: 'Server-sent events of all operations that the query selects.',
    query: OperationQuery,
    answers: {},
    isStream: true,
  },
  'GET /v1/operations/:id/events': {
    summary: 'Server-sent events of one operation.',
    answers: {},
    isStream: true,
  },
  'GET /v1/operations/:id': {
    summary: 'One operation with its tasks and decisions.',
    answers: { 200: OperationShape },
  },
  'POST /v1/operations/:id/rerun': {
    summary: 'Run an ended operation again.',
    body: RerunBody,
    answers: { 202: openedAnswer },
  },
  'POST /v1/operations/:id/release': {
    summary: 'Release a held, observed or recoverable operation.',
    body: ReleaseBody,
    answers: { 202: z.object({ released: z.string() }) },
  },
  'POST /v1/operations/:id/cancel': {
    summary: 'End an operation that was requested.',
    body: ReleaseBody,
    answers: { 202: z.object({ canceled: z.string(), putBack: z.boolean() }) },
  },
  'GET /v1/operations/:id/plan': {
    summary: 'A plan with its digest and approvals. With resources=true also every resource.',
    query: z.object({ resources: z.string().optional() }),
    answers: { 200: PlanShape },
  },
  'POST /v1/operations/:id/approve': {
    summary: 'Approve a plan by its digest.',
    body: ApprovalBody,
    answers: { 202: anyObject },
  },
  'GET /v1/domains': {
    summary: 'Domains of the inventory, by name.',
    query: DomainQuery,
    answers: { 200: z.object({ domains: z.array(anyObject) }) },
  },
  'POST /v1/domains/:id/plan': {
    summary: 'Plan the deletion of a domain with all its projects.',
    body: PlanBody,
    answers: { 202: openedAnswer },
  },
  'GET /v1/projects': {
    summary: 'Projects of the inventory, by name and domain.',
    query: ProjectQuery,
    answers: { 200: z.object({ projects: z.array(anyObject) }) },
  },
  'POST /v1/projects/:id/plan': {
    summary: 'Plan the deletion of a project.',
    body: PlanBody,
    answers: { 202: openedAnswer },
  },
  'GET /v1/projects/:id/policy': {
    summary: 'The decisions of the policy for each change of a project.',
    answers: { 200: anyObject },
  },
  'POST /v1/projects/:id/suspend': {
    summary: 'Suspend a project.',
    body: SuspendResumeBody,
    answers: { 202: openedAnswer },
  },
  'POST /v1/projects/:id/resume': {
    summary: 'Resume a suspended project.',
    body: SuspendResumeBody,
    answers: { 202: openedAnswer },
  },
  'GET /v1/projects/:id/provision': {
    summary: 'The items that a provision of the project would create.',
    query: ProfileQuery,
    answers: { 200: anyObject },
  },
  'POST /v1/projects/:id/provision': {
    summary: 'Provision a project by its profile.',
    body: ProvisionBody,
    answers: { 202: anyObject },
  },
  'GET /v1/projects/:id/drift': {
    summary: 'Differences between a provisioned project and its profile.',
    answers: { 200: anyObject },
  },
  'GET /v1/provisioned': {
    summary: 'Provisioned projects.',
    answers: { 200: z.object({ projects: z.array(anyObject) }) },
  },
  'GET /v1/holds': {
    summary: 'Holds in force: accounts and resources not to delete, projects that stay suspended.',
    answers: { 200: z.object({ holds: z.array(anyObject), suspensions: z.array(anyObject) }) },
  },
  'POST /v1/holds': {
    summary: 'Hold a project, a domain or a resource.',
    body: HoldBody,
    answers: { 201: anyObject },
  },
  'DELETE /v1/holds/:target/:id{.+}': {
    summary: 'Remove a hold.',
    answers: { 200: anyObject },
  },
  'GET /v1/services': {
    summary: 'Covered services, their order, and uncovered types.',
    answers: { 200: ServicesShape },
  },
  'GET /v1/waivers': { summary: 'Waivers of uncovered types.', answers: { 200: WaiversShape } },
  'POST /v1/waivers': {
    summary: 'Waive an uncovered type.',
    body: WaiverBody,
    answers: { 201: z.object({ waived: z.string() }) },
  },
  'DELETE /v1/waivers/:type': {
    summary: 'Remove a waiver.',
    answers: { 200: z.object({ removedWaiver: z.string() }) },
  },
  'POST /v1/tasks/:id{.+}/report': {
    summary: 'Report the result of a task of an HTTP plugin.',
    body: TaskReport,
    answers: { 202: z.object({ taken: z.string() }) },
  },
  'GET /v1/dead-letters': {
    summary: 'Dead-letter messages.',
    query: DeadLetterSelection,
    answers: { 200: DeadLettersShape },
  },
  'POST /v1/dead-letters/redrive': {
    summary: 'Deliver dead-letter messages again.',
    body: RedriveBody,
    answers: { 200: z.object({ redriven: z.number() }) },
  },
  'POST /v1/dead-letters/discard': {
    summary: 'Discard dead-letter messages.',
    body: DiscardBody,
    answers: { 200: z.object({ discarded: z.number(), unrestored: z.array(z.string()) }) },
  },
  'GET /v1/audit': {
    summary: 'The audit log, newest first.',
    query: AuditQuery,
    answers: { 200: AuditShape },
  },
  'GET /v1/audit/verify': {
    summary: 'Verify that the audit log is unbroken.',
    query: VerifyQuery,
    answers: { 200: AuditVerificationShape },
  },
  'GET /v1/decisions': {
    summary: 'Decisions about dead-letter messages.',
    query: DecisionQuery,
    answers: { 200: z.object({ decisions: z.array(anyObject) }) },
  },
  'GET /v1/suspicious': {
    summary: 'Deletions of accounts that Keystone never showed.',
    query: LimitQuery,
    answers: { 200: z.looseObject({ total: z.number() }) },
  },
  'POST /v1/suspicious/release': {
    summary: 'Process suspicious deletions.',
    body: SuspicionBody,
    answers: { 202: countAndLeft('released') },
  },
  'POST /v1/suspicious/drop': {
    summary: 'Ignore suspicious deletions.',
    body: SuspicionBody,
    answers: { 202: countAndLeft('dropped') },
  },
  'POST /v1/stop-all': {
    summary: 'Stop all destructive work.',
    body: StopBody,
    answers: { 200: StopShape },
  },
  'POST /v1/resume-all': {
    summary: 'End stop-all.',
    body: StopBody,
    answers: { 200: StopShape },
  },
  'GET /v1/stops': {
    summary: 'Decisions of the stop switch.',
    query: LimitQuery,
    answers: { 200: StopsShape },
  },
  'POST /v1/notifications': {
    summary: `Store one notification of Keystone, or an array of at most ${MAX_NOTIFICATIONS}.`,
    body: z.union([anyObject, z.array(anyObject).max(MAX_NOTIFICATIONS)]),
    answers: { 202: z.object({ stored: z.number() }) },
  },
  'GET /v1/quarantine': {
    summary: 'Notifications that could not be read.',
    query: LimitQuery,
    answers: { 200: QuarantineShape },
  },
};
