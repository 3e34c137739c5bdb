/** A word that this project does not use, and the word to use instead. */
export interface ReplacedWord {
  readonly use: string;
  /** Compared with names that are split into lower-case words: `openDoor` is `open door`. */
  readonly names?: RegExp;
  /** Compared with strings, templates and documentation, in lower case. */
  readonly texts?: RegExp;
}

const both = (pattern: RegExp, use: string): ReplacedWord => ({
  names: pattern,
  texts: pattern,
  use,
});
const names = (pattern: RegExp, use: string): ReplacedWord => ({ names: pattern, use });
const texts = (pattern: RegExp, use: string): ReplacedWord => ({ texts: pattern, use });

/** The replaced words of `docs/glossary.md`, and metaphors that a new reader cannot guess. */
export const REPLACED: readonly ReplacedWord[] = [
  // `kind` alone is the discriminant of a union of object types.
  names(/\bkinds\b|\w kind\b|\bkind \w/, 'resource type, or type'),
  texts(/(?<!\.)\bkinds?\b(?!:)/, 'resource type, or type'),
  both(/\bthings?\b/, 'resource'),
  both(/\blaws?\b/, 'safety rule'),
  both(/(?<!dead[ -])\bletters?\b/, 'dead letter, dead-letter message'),
  both(/\bparcels?\b/, 'outbound message'),
  both(/\bdoors?\b/, 'API, endpoint'),
  both(/\bvictims?\b/, 'target project, or the process that is killed'),
  both(/\bbystanders?\b/, 'control project'),
  both(/\b(ears?|bells?|rang|ringers?|hears?|heard)\b/, 'listener, notify, receive'),
  both(/\bdeeds?\b/, 'effect, decision'),
  both(/\b(fates?|census|twins?|hazards?)\b/, 'the technical word'),
  both(/\bpatien(ce|t)\b/, 'stall timeout, time limit'),
  both(/\berrored\b/, 'dead-lettered, failed'),
  both(/\bsurveys?\b/, 'phase plan'),
  both(/\bearly\b/, 'pre-delete'),
  both(/\bresidues?\b/, 'unverified'),
  both(/\b(doubt(s|ed)?|(proven|seen) (early|empty))\b/, 'stale, verified empty'),
  both(/\b(thrown|throws?) away\b/, 'discard'),
  both(/\b(tidy|tidied|tidies)\b/, 'clean up, housekeeping'),
  names(/\bpass(es)?\b/, 'run'),
  texts(
    /\b(an?|its|the|this|each|every|one|another|next|early|first|last|later) pass(es)?\b/,
    'run',
  ),
  names(/\brounds?\b/, 'iteration'),
  names(/\bturns?\b/, 'run, order'),
  texts(/\b(its|a|the|their|each|every|in) turns?\b/, 'run, order'),
  names(/\blook(s|ed)?\b/, 'confirmation, list, read'),
  texts(/\b(an?|the|next|first|second|last|every|each) looks?\b/, 'confirmation, list'),
  names(/\breach\b/, 'context, or unreachable'),
  names(/\b(tells?|told|said|say|says)\b/, 'log, report, message'),
  names(/\bword of\b/, 'message of'),
  names(/\bacts?\b/, 'Keystone action'),
  names(/\bhands?\b/, 'the technical word'),
  names(/\bfed\b/, 'triggered by a queue'),
  names(/\bobstacles?\b/, 'preflight'),
  names(/\bstays\b/, 'retained'),
  texts(/\b(nobody|somebody|whoever|he|his|him)\b/, 'the subject by its name'),
];
