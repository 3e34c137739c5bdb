/** Names of fields whose values are nobody's business: oslo.messaging puts the caller's token into what some services send. */
const NAMES = 'password|passwd|secret|token|credential|authorization|api_?key|private_?key';
/** `"name": "value"` at any depth of JSON within JSON: as many backslashes stand before each quote. A value that is cut off counts, too. */
const FIELD = new RegExp(
  String.raw`(?<slashes>\\*)"(?<name>[^"\\]*(?:${NAMES})[^"\\]*)\k<slashes>"\s*:\s*(?:\k<slashes>"(?:.*?(?<!\\)\k<slashes>"|.*$)|[{[].*$)`,
  'gis',
);

/** Text that somebody else wrote, JSON or what once was, with the values of such fields cut out, and with all that follows a whole structure of them. */
export const withoutSecrets = (text: string): string =>
  text.replace(FIELD, '$<slashes>"$<name>$<slashes>": $<slashes>"[cut out]$<slashes>"');
