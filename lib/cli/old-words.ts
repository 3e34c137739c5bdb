/** Commands of earlier versions and their new names. */
const NOW: Readonly<Record<string, string>> = {
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

/** One line that names the new command, if the command line begins with an old one. */
export function newWordsFor([first, second]: readonly string[]): string | undefined {
  if (first === undefined) return undefined;
  if (first === 'dead-letters' && second === 'show')
    return told('dead-letters show', 'dead-letter show');
  if (first === 'operation' && second?.startsWith('op-'))
    return told(`operation ${second}`, `operation show ${second}`);
  if (first === 'quarantine' && (second === undefined || OUTPUT.includes(second)))
    return told('quarantine', 'quarantine list');
  const now = Object.hasOwn(NOW, first) ? NOW[first] : undefined;
  return now === undefined ? undefined : told(first, now);
}

const OUTPUT = ['--json', '--limit'];

const told = (old: string, now: string): string => `"propagator ${old}" is now "propagator ${now}"`;
