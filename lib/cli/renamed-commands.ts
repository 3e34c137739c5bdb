/** Commands of earlier versions and their new names. */
const RENAMED_COMMANDS: Readonly<Record<string, string>> = {
  operations: 'operation list',
  services: 'service list',
  waive: 'waiver add',
  unwaive: 'waiver remove',
  cleanup: 'project delete',
  'dead-letters': 'dead-letter list',
  redrive: 'dead-letter redrive',
  discard: 'dead-letter discard',
  decisions: 'audit list',
  release: 'operation release',
};

/**
 * Returns one line that names the new command if the command line begins with an old command,
 * otherwise `undefined`.
 */
export function renamedCommandText([first, second]: readonly string[]): string | undefined {
  if (first === undefined) return undefined;
  if (first === 'dead-letters' && second === 'show')
    return renamingText('dead-letters show', 'dead-letter show');
  if (first === 'operation' && second?.startsWith('op-'))
    return renamingText(`operation ${second}`, `operation show ${second}`);
  if (
    first === 'quarantine' &&
    (second === undefined || OPTIONS_OF_OLD_QUARANTINE.includes(second))
  )
    return renamingText('quarantine', 'quarantine list');
  const newName = Object.hasOwn(RENAMED_COMMANDS, first) ? RENAMED_COMMANDS[first] : undefined;
  return newName === undefined ? undefined : renamingText(first, newName);
}

/** The command `quarantine` of earlier versions had no verb: an option followed it. */
const OPTIONS_OF_OLD_QUARANTINE = ['--json', '--limit'];

const renamingText = (oldName: string, newName: string): string =>
  `"propagator ${oldName}" is now "propagator ${newName}"`;
