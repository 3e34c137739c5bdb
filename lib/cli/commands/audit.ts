import { type Command, InvalidArgumentError } from 'commander';
import { countText } from '../../shared/count-text.ts';
import { type OutputOptions, present, presentResult, withOutputOptions } from '../format.ts';
import { table, timeText, wrapText } from '../output.ts';
import { type AuditEntryShape, AuditShape, AuditVerificationShape } from '../shapes.ts';
import { EXIT, queryString, type Terminal } from '../terminal.ts';

interface ListOptions extends OutputOptions {
  since?: number;
  by?: string;
  operation?: string;
  limit?: string;
}

/** `audit list` and `audit verify`. `audit stops` is a command of `stop.ts`. */
export function auditCommands(program: Command, terminal: Terminal): void {
  const { client, now } = terminal;
  const audit = program
    .command('audit')
    .description('the audit log: every decision of a person, in an append-only chain');
  withOutputOptions(audit.command('list'), 'audit list --since 7d --by ann')
    .description('list the decisions of persons, newest first')
    .option(
      '--since <time>',
      'only decisions after this time: an age (30m, 12h, 7d) or a date (2026-03-01)',
      (text) => sinceArgument(text, now()),
    )
    .option('--by <name>', 'only decisions of the caller with this name, ARN or user id')
    .option('--operation <id>', 'only decisions about this operation')
    .option('--limit <number>', 'the maximum number of entries (default: 100)')
    .action(async ({ json, format, column, since, ...filter }: ListOptions) => {
      const query = { ...filter, since: since === undefined ? undefined : String(since) };
      const answer = await client.get(`/v1/audit${queryString(query)}`, AuditShape);
      present(
        terminal,
        answer,
        { json, format, column },
        {
          text: ({ entries }) => entriesText(entries, Number(filter.limit ?? 100)),
          rows: ({ entries }) => entries,
          columns: COLUMNS,
        },
      );
    });
  withOutputOptions(audit.command('verify'), 'audit verify')
    .description('check that no entry was changed, deleted, moved or inserted')
    .option(
      '--known <sequence:hash>',
      'an entry that an earlier verification printed; it must be in the log unchanged',
    )
    .addHelpText('after', '\nExit codes: 0 the log is unbroken, 1 error, 3 the log is broken.')
    .action(async ({ known, ...options }: OutputOptions & { known?: string }) => {
      const answer = await client.get(
        `/v1/audit/verify${queryString({ known })}`,
        AuditVerificationShape,
      );
      presentResult(terminal, answer, options, verificationText);
      if (!answer.ok) terminal.exitCode = EXIT.unverified;
    });
}

const COLUMNS = {
  Sequence: ({ sequence }: AuditEntryShape) => sequence,
  At: ({ at }: AuditEntryShape) => timeText(at),
  By: ({ by }: AuditEntryShape) => by?.name,
  'User ID': ({ by }: AuditEntryShape) => by?.id,
  From: ({ from }: AuditEntryShape) => from,
  What: ({ what, unreadable }: AuditEntryShape) => (unreadable ? 'cannot be read' : what),
  Target: ({ target }: AuditEntryShape) =>
    target && `${target.type} ${target.id}${target.name === undefined ? '' : ` (${target.name})`}`,
  Operations: ({ target }: AuditEntryShape) => target?.operations?.join(' '),
  Reason: ({ reason }: AuditEntryShape) => reason,
  Hash: ({ hash }: AuditEntryShape) => hash,
};

function entriesText(entries: readonly AuditEntryShape[], maxEntries: number): string {
  if (entries.length === 0) return 'No decisions.';
  const columnNames = ['Sequence', 'At', 'By', 'From', 'What', 'Target', 'Reason'] as const;
  const text = table(
    columnNames.map((name) => name.toUpperCase()),
    entries.map((entry) => columnNames.map((name) => COLUMNS[name](entry) ?? '')),
    ['SEQUENCE'],
  );
  return entries.length < maxEntries
    ? text
    : `${text}\n\nThese are the newest ${maxEntries}. For more, use --limit <number>`;
}

function verificationText({ ok, head, broken }: AuditVerificationShape): string {
  const knownEntry = `${head.sequence}:${head.hash}`;
  if (ok)
    return head.sequence === 0
      ? 'The audit log is empty.'
      : `The audit log is unbroken: ${countText(head.sequence, 'entry', 'entries')}.\n` +
          'To prove later that none of them was replaced, keep this outside the store:\n' +
          `  ${knownEntry}\n` +
          `Then: propagator audit verify --known ${knownEntry}`;
  return [
    `The audit log is broken at entry ${broken?.sequence}.`,
    wrapText(`Entry ${broken?.sequence}: ${broken?.because}.`, '  '),
    `Unbroken before it: ${countText(head.sequence, 'entry', 'entries')}.`,
    'Restore the entry from a backup or from the exported events (audit.recorded), and check\n' +
      'the accounts that can write to the store.',
  ].join('\n');
}

const MILLIS_BY_UNIT = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Returns a time in epoch milliseconds. `text`: an age, for example `7d`, or a date. */
function sinceArgument(text: string, now: number): number {
  const [, amount, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (amount !== undefined)
    return Math.max(0, now - Number(amount) * MILLIS_BY_UNIT[unit as keyof typeof MILLIS_BY_UNIT]);
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    throw new InvalidArgumentError('an age (30m, 12h, 7d) or a date (2026-03-01)');
  return at;
}
