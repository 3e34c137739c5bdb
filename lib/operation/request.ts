import type { Cause } from '../../events/account.ts';
import type { OperationId } from '../../events/ids.ts';
import { type KeystoneCheck, summarize } from './keystone-check.ts';
import type { Mode, Operation, ProjectScope } from './model.ts';
import { hasEnded, type Opened, openCleanup, refuse } from './open.ts';

/** An administrator's wish, and what is true of the project right now. */
export interface RequestInput {
  readonly scope: ProjectScope;
  readonly by: string;
  readonly reason: string;
  /** The name that the administrator gave to confirm an enabled project. */
  readonly confirmedName: string | undefined;
  /** As Keystone shows it now. */
  readonly shown: { readonly name: string | undefined; readonly enabled: boolean };
  readonly keystoneCheck: KeystoneCheck;
  readonly existing: readonly Operation[];
  readonly mode: Mode;
  readonly now: number;
  readonly protectedBecause: string | undefined;
  /** The ended operation that this request runs again. */
  readonly rerunOf?: OperationId;
}

export type RequestAnswer =
  | {
      readonly is: 'opened';
      readonly opened: Opened;
      /** What could make Keystone refuse the end and could not be found out beforehand. */
      readonly unknown: readonly string[];
      /** An operation that ends because of this one. */
      readonly superseded?: Opened;
    }
  | { readonly is: 'refused'; readonly because: string; readonly advice?: string };

/**
 * safety rule "Keystone decides", the other way in: a project that Keystone still has is emptied
 * because an administrator said so. A disabled one has been given up already; for one that people
 * may be working in, the administrator must say its name, which nobody mistypes by accident.
 */
export function openRequest(input: RequestInput): RequestAnswer {
  const { shown, scope } = input;
  const no = (because: string): RequestAnswer => ({ is: 'refused', because });
  if (input.protectedBecause) return no(`it is protected: ${input.protectedBecause}`);
  if (shown.enabled && input.confirmedName === undefined)
    return no('it is enabled: say its name to confirm that you mean it');
  if (input.confirmedName !== undefined && input.confirmedName !== shown.name)
    return no('its name is another one than you said: look again which project you mean');
  const open = input.existing.find((operation) => !hasEnded(operation));
  if (open && !isRefuted(open))
    return no(`there is an operation about it already: ${open.id} is ${open.state}`);
  if (input.keystoneCheck.obstacles.length > 0) {
    const { message, advice } = summarize(input.keystoneCheck.obstacles);
    return { is: 'refused', because: message, advice: `Nothing was changed. ${advice}` };
  }
  const superseded = open && supersede(open, input);
  const existing = input.existing.map((one) =>
    one.id === open?.id && superseded ? superseded.operation : one,
  );
  const cause: Cause = {
    messageId: `requested/${scope.id}/${(existing[0]?.generation ?? 0) + 1}`,
    eventType: 'requested',
    at: input.now,
    note: `${input.by}: ${input.reason}`,
  };
  const opened = openCleanup({
    scope,
    cause,
    existing,
    mode: input.mode,
    now: input.now,
    gracePeriodMillis: 0,
    protectedBecause: undefined,
    request: { by: input.by, reason: input.reason, at: input.now, enabled: shown.enabled },
    ...(input.rerunOf
      ? { rerun: { of: input.rerunOf, by: input.by, reason: input.reason, at: input.now } }
      : {}),
  });
  if (!opened) return no('the same request was made already');
  return {
    is: 'opened',
    opened,
    unknown: input.keystoneCheck.unknown,
    ...(superseded ? { superseded } : {}),
  };
}

/**
 * A notification said that the project was deleted, and nothing was removed yet. Keystone shows the
 * project now, so the notification was forged or came early: it must not block an administrator.
 */
const isRefuted = ({ request, startedAt, state }: Operation): boolean =>
  request === undefined && startedAt === undefined && (state === 'confirming' || state === 'held');

function supersede(open: Operation, { by, now }: RequestInput): Opened {
  const operation = refuse(
    open,
    `Keystone shows the project, and ${by} asked for its cleanup`,
    now,
  );
  const { id, state, parentId } = operation;
  return {
    operation,
    messages: [
      {
        type: 'operation.finished',
        data: { operationId: id, state, ...(parentId ? { parentId } : {}) },
      },
    ],
  };
}
