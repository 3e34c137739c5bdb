import type { Command } from 'commander';
import * as z from 'zod';
import { countText } from '../../shared/count-text.ts';
import { type OutputOptions, present, presentResult, withOutputOptions } from '../format.ts';
import { table, timeText } from '../output.ts';
import { reasonOption } from '../reason.ts';
import { queryString, type Terminal, UsageError } from '../terminal.ts';

const SuspiciousAnswer = z.object({
  total: z.number(),
  records: z.array(
    z.looseObject({
      account: z.looseObject({ type: z.string(), id: z.string() }),
      suspicion: z.looseObject({
        at: z.number(),
        keystone: z.string(),
        dropped: z.looseObject({ by: z.string(), reason: z.string() }).optional(),
      }),
    }),
  ),
});
type DecideOptions = OutputOptions & { reason: string; all?: true };

/** `suspicious list|release|drop`: deletions of accounts that Keystone never showed. */
export function suspiciousCommands(program: Command, terminal: Terminal): void {
  const { client } = terminal;
  const suspiciousCommand = program
    .command('suspicious')
    .description('deletions that are held because the account was never seen in Keystone');
  withOutputOptions(suspiciousCommand.command('list'), 'suspicious list --limit 20')
    .description('list the held deletions; undecided deletions come first')
    .option('--limit <number>', 'the maximum number of entries (default: 100)')
    .action(async ({ limit, ...options }: OutputOptions & { limit?: string }) => {
      const answer = await client.get(`/v1/suspicious${queryString({ limit })}`, SuspiciousAnswer);
      present(terminal, answer, options, {
        text: suspiciousText,
        rows: ({ records }) => records,
        columns: {
          Type: ({ account }) => account.type,
          ID: ({ account }) => account.id,
          Received: ({ suspicion }) => timeText(suspicion.at),
          Keystone: ({ suspicion }) => suspicion.keystone,
          Dropped: ({ suspicion }) => suspicion.dropped?.reason,
        },
      });
    });
  decideCommand(
    suspiciousCommand,
    terminal,
    'release',
    'carry out the deletions; Keystone must confirm each one first',
  );
  decideCommand(
    suspiciousCommand,
    terminal,
    'drop',
    'ignore the deletions; you can still release them later',
  );
}

function decideCommand(
  suspiciousCommand: Command,
  terminal: Terminal,
  verb: 'release' | 'drop',
  description: string,
): void {
  const { client } = terminal;
  withOutputOptions(
    suspiciousCommand.command(`${verb} [accounts...]`),
    `suspicious ${verb} --all --reason "checked"`,
  )
    .description(`${description}. Accounts: project/ID, domain/ID, user/ID, or --all`)
    .requiredOption(...reasonOption('with the decision'))
    .option('--all', 'all undecided deletions')
    .action(async (accounts: string[], { reason, all, ...options }: DecideOptions) => {
      if (accounts.length > 0 === (all === true)) throw new UsageError('give accounts or --all');
      const answer = await client.post(
        `/v1/suspicious/${verb}`,
        {
          ...(all ? { all } : { accounts: accounts.map(accountArgument) }),
          reason,
        },
        z.looseObject({ left: z.number() }),
      );
      const count = Number(answer[verb === 'drop' ? 'dropped' : 'released'] ?? 0);
      const text = ({ left }: { left: number }): string =>
        `${verb}: ${countText(count, 'deletion')}; undecided: ${left}`;
      presentResult(terminal, answer, options, text);
    });
}

function accountArgument(text: string): { type: string; id: string } {
  const [, type = '', id = ''] = /^(project|domain|user)\/(.+)$/s.exec(text) ?? [];
  if (id === '')
    throw new UsageError(`${text} is not an account; write project/ID, domain/ID or user/ID`);
  return { type, id };
}

function suspiciousText({ total, records }: z.infer<typeof SuspiciousAnswer>): string {
  if (records.length === 0) return 'No deletion is held.';
  const rows = records.map(({ account, suspicion: { at, keystone, dropped } }) => [
    `${account.type}/${account.id}`,
    timeText(at),
    keystone === 'absent' ? 'answered 404' : keystone,
    dropped ? `dropped by ${dropped.by}: ${dropped.reason}` : '',
  ]);
  const tableText = table(['ACCOUNT', 'RECEIVED', 'KEYSTONE', 'DECISION'], rows);
  return `${countText(total, 'undecided deletion')}\n${tableText}`;
}
