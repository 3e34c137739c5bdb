/** The reason why a broker URL is invalid. The message never contains a part of the URL. */
export class BrokerUrlError extends Error {
  override readonly name = 'BrokerUrlError';
}

/** Query parameters that amqplib supports. */
const QUERY_PARAMETERS = ['heartbeat', 'frameMax', 'channelMax', 'locale'];
const URL_FORM = 'amqp://user:password@host:5672/virtual-host';

/**
 * Returns the URLs of a broker for amqplib, one per host. Besides `amqp://` and `amqps://`, the
 * function accepts a transport URL of oslo.messaging (`rabbit://u:p@h1:5672,u:p@h2:5672/vhost`,
 * with `?ssl=1` for TLS). A host without a login gets the first login in the URL. Throws {@link
 * BrokerUrlError}.
 */
export function brokerUrls(text: string): string[] {
  const [, scheme = '', afterScheme = ''] = /^(amqps?|rabbit):\/\/(.*)$/s.exec(text) ?? [];
  if (scheme === '') throw new BrokerUrlError(`must begin with amqp://, amqps:// or rabbit://`);
  refuseReservedCharacters(text, text.length - afterScheme.length);
  const [, hostList = '', path = '', query = ''] =
    /^([^/?]*)([^?]*)\??(.*)$/s.exec(afterScheme) ?? [];
  const { isTls, amqpQuery } = readQuery(query);
  const protocol = scheme === 'amqps' || isTls ? 'amqps' : 'amqp';
  const hostsWithLogin = hostList.split(',').map((item) => item.trim());
  const [firstLogin] = hostsWithLogin.flatMap((item) =>
    item.includes('@') ? [item.split('@')[0]] : [],
  );
  return hostsWithLogin.map((item) => {
    const [host = '', login = firstLogin] = item.split('@').reverse();
    if (!/^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+)(:\d{1,5})?$/.test(host))
      throw new BrokerUrlError(
        `each host must be a name or an address with an optional port: ${URL_FORM}. Write a ` +
          'comma in a password as %2C',
      );
    const userInfo = login === undefined ? '' : `${login}@`;
    const url = `${protocol}://${userInfo}${host}${path}${amqpQuery}`;
    if (URL.canParse(url)) return url;
    throw new BrokerUrlError(`is not a URL of the form ${URL_FORM}`);
  });
}

/**
 * Throws if `text` contains a character that a URL parser would not read as a part of the login,
 * the host or the path. `start`: the index after the scheme.
 */
function refuseReservedCharacters(text: string, start: number): void {
  const endOfLogins = text.lastIndexOf('@');
  for (let index = start; index < text.length; index += 1) {
    if (!isReserved(text, index, index < endOfLogins)) continue;
    const encoded = encodeURIComponent(text.charAt(index));
    throw new BrokerUrlError(
      `character ${index + 1} is reserved in a URL; in a user, password or virtual host ` +
        `write it as ${encoded}`,
    );
  }
}

/** True if the character at `index` must be written in its encoded form. */
function isReserved(text: string, index: number, isInLogin: boolean): boolean {
  const character = text.charAt(index);
  switch (character) {
    case '#':
      return true;
    case '%':
      return !/^[0-9a-fA-F]{2}/.test(text.slice(index + 1, index + 3));
    // A URL parser would end the password at this character.
    case '/':
    case '?':
    case '[':
    case ']':
      return isInLogin && !isIpv6Bracket(text, index);
    // A host has at most one @. If the text of one host has a second @, the first @ belongs to the
    // password.
    case '@': {
      const restOfHost = text.slice(index + 1).split(',')[0] ?? '';
      return restOfHost.includes('@');
    }
    default:
      return /\s/.test(character);
  }
}

/** True for a bracket of an IPv6 address, which begins after an @, a comma or a slash. */
const isIpv6Bracket = (text: string, index: number): boolean => {
  const textToBracket = text.slice(0, index + 1);
  return /[@,/]\[[0-9a-fA-F:.]*\]?$/.test(textToBracket) && /^[[\]]$/.test(text.charAt(index));
};

/** Returns whether the query requires TLS, and the query for amqplib with its question mark. */
function readQuery(query: string): { isTls: boolean; amqpQuery: string } {
  const parameters = new URLSearchParams(query);
  const isTls = /^(1|true|yes|on)$/i.test(parameters.get('ssl') ?? '');
  parameters.delete('ssl');
  if ([...parameters.keys()].some((key) => !QUERY_PARAMETERS.includes(key)))
    throw new BrokerUrlError(
      `has an unknown parameter after the ?; known are ${QUERY_PARAMETERS.join(', ')} and ssl`,
    );
  return { isTls, amqpQuery: parameters.size === 0 ? '' : `?${parameters}` };
}
