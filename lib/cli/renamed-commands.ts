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
export function renamedCommandText([firstWord, secondWord]: readonly string[]): string | undefined {
  if (firstWord === undefined) return undefined;
  if (firstWord === 'dead-letters' && secondWord === 'show')
    return renamingText('dead-letters show', 'dead-letter show');
  if (firstWord === 'operation' && secondWord?.startsWith('op-'))
    return renamingText(`operation ${secondWord}`, `operation show ${secondWord}`);
  if (
    firstWord === 'quarantine' &&
    (secondWord === undefined || OPTIONS_OF_OLD_QUARANTINE.includes(secondWord))
  )
    return renamingText('quarantine', 'quarantine list');
  const newName = Object.hasOwn(RENAMED_COMMANDS, firstWord)
    ? RENAMED_COMMANDS[firstWord]
    : undefined;
  return newName === undefined ? undefined : renamingText(firstWord, newName);
}

/** The command `quarantine` of earlier versions had no verb: an option followed it. */
const OPTIONS_OF_OLD_QUARANTINE = ['--json', '--limit'];

const renamingText = (oldName: string, newName: string): string =>
  `"propagator ${oldName}" is now "propagator ${newName}"`;
