import { Option } from 'commander';
import * as z from 'zod';
import { duration } from '../shared/setting-values.ts';
import { time } from './output.ts';
import { UsageError } from './terminal.ts';

/** The options of a command that deletes later. Times are milliseconds. */
export interface WindowOptions {
  readonly recoverFor?: number;
  readonly remind?: readonly number[];
}

function millisOf(text: string): number {
  const parsed = duration.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new UsageError(`${text}: ${z.prettifyError(parsed.error)}`);
}

/** `--recover-for`: the length of the recovery window. */
export const recoverFor = (): Option =>
  new Option(
    '--recover-for <time>',
    'disable and suspend now, and delete after this time (30d, 12h); 0s: without a window',
  ).argParser(millisOf);

/** `--remind`: how long before the end of the window a reminder is published. */
export const remind = (): Option =>
  new Option(
    '--remind <times>',
    'publish reminders before the end of the window (7d,1d)',
  ).argParser((text) => text.split(',').map((one) => millisOf(one.trim())));

/** The fields of a request body for these options. */
export const windowBody = ({ recoverFor: length, remind: reminders }: WindowOptions) => ({
  ...(length === undefined ? {} : { recoverForSeconds: length / 1000 }),
  ...(reminders === undefined
    ? {}
    : { remindBeforeSeconds: reminders.map((millis) => millis / 1000) }),
});

/** The text of the command after a deletion with a recovery window was requested. */
export const windowText = (id: string, until: number): string =>
  [
    `${id}: it is disabled and suspended now, and recoverable until ${time(until)}.`,
    `To take the deletion back: propagator operation cancel ${id} --reason "…"`,
    `To remove everything now: propagator operation release ${id} --reason "…"`,
  ].join('\n');
