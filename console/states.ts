/** The mark and the color of a state. The console always shows the word as well. */
export type Tone = 'good' | 'busy' | 'wait' | 'bad' | 'quiet';

const TONES: Readonly<Record<string, Tone>> = {
  finished: 'good',
  observed: 'good',
  present: 'good',
  'pre-delete': 'busy',
  running: 'busy',
  closing: 'busy',
  requested: 'busy',
  planning: 'busy',
  confirming: 'busy',
  waiting: 'busy',
  recoverable: 'wait',
  held: 'wait',
  unverified: 'wait',
  unreachable: 'wait',
  refused: 'wait',
  canceled: 'wait',
  'dead-lettered': 'bad',
  superseded: 'quiet',
  pending: 'quiet',
  skipped: 'quiet',
};
const MARKS: Readonly<Record<Tone, string>> = {
  good: '✓',
  busy: '▸',
  wait: '!',
  bad: '✗',
  quiet: '·',
};

export const toneOf = (state: string): Tone => TONES[state] ?? 'quiet';
export const markOf = (state: string): string => MARKS[toneOf(state)];

/** The meaning of each state of an operation. */
export const MEANINGS: Readonly<Record<string, string>> = {
  recoverable: 'Nothing is removed before the window ends.',
  confirming: 'Keystone is asked twice, the grace period passes, and resources are counted.',
  held: 'The operation waits for a person. Release it to continue.',
  'pre-delete': 'Resources that can be removed only while the project exists are removed first.',
  running: 'The services are working.',
  waiting: 'The domain waits for its projects.',
  closing: 'All services have ended. The account is being deleted in Keystone.',
  finished: 'A new listing showed that nothing is left to do.',
  observed: 'Resources were counted. Nothing was changed.',
  refused: 'Keystone does not confirm the change, or a rule, a setting or the policy forbids it.',
  unverified: 'Some resources could not be listed and may remain.',
  superseded: 'A later operation replaced this one.',
  canceled: 'A person canceled the operation.',
};
/** The states in which an operation has ended. */
export const ENDED_STATES: readonly string[] = [
  'finished',
  'observed',
  'refused',
  'unverified',
  'superseded',
  'canceled',
];
/** The states in the order in which the overview counts them. */
export const STATES: readonly string[] = Object.keys(MEANINGS);
