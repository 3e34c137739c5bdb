import { Option } from 'commander';
import { duration } from '../shared/setting-values.ts';
import { timeText } from './output.ts';
import { UsageError } from './terminal.ts';

/** The options that set a recovery window for a deletion. Times are milliseconds. */
export interface RecoveryWindowOptions {
  readonly recoverFor?: number;
  readonly remind?: readonly number[];
}

function parseMillis(option: string, text: string): number {
  const parsed = duration.safeParse(text);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(`${option} ${text}: ${issue?.message}; nothing was changed`);
}

/** `--recover-for`: the length of the recovery window. */
export const recoverForOption = (kind: 'project' | 'domain' | 'plan'): Option =>
  new Option('--recover-for <time>', `${WINDOW_HELP[kind]}; 0s: no window`).argParser((text) =>
    parseMillis('--recover-for', text),
  );

const WINDOW_HELP = {
  project: 'disable and suspend the project now, and delete it after this time (30d, 12h)',
  domain:
    'disable the domain now, suspend its projects as the policy file says, and delete the domain ' +
    'and its projects after this time (30d, 12h)',
  plan: 'disable the project or domain now, and delete it after this time (30d, 12h)',
} as const;

/** `--remind`: the times before the end of the recovery window at which reminders are published. */
export const remindOption = (): Option =>
  new Option(
    '--remind <times>',
    'publish a reminder at each of these times before the end of the recovery window (7d,1d)',
  ).argParser((text) => text.split(',').map((one) => parseMillis('--remind', one.trim())));

/** The fields of a request body for these options. */
export const recoveryWindowBody = ({
  recoverFor: lengthMillis,
  remind: remindMillis,
}: RecoveryWindowOptions) => ({
  ...(lengthMillis === undefined ? {} : { recoverForSeconds: lengthMillis / 1000 }),
  ...(remindMillis === undefined
    ? {}
    : { remindBeforeSeconds: remindMillis.map((millis) => millis / 1000) }),
});

/** Returns the output of a command that requested a deletion with a recovery window. */
export const recoveryWindowText = (
  id: string,
  recoverableUntil: number,
  type: string | undefined,
): string =>
  [
    `${id}: ${STARTED_TEXTS[type ?? ''] ?? 'nothing is removed yet'}.`,
    `The deletion is recoverable until ${timeText(recoverableUntil)}.`,
    `To cancel the deletion: propagator operation cancel ${id} --reason "…"`,
    `To remove everything now: propagator operation release ${id} --reason "…"`,
  ].join('\n');

/** The changes at the start of a recovery window, by the type of the account. */
const STARTED_TEXTS: Readonly<Record<string, string>> = {
  project: 'the project is disabled and suspended now',
  domain: 'the domain is disabled now; its projects are suspended only as the policy file says',
};
