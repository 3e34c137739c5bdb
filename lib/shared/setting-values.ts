import * as z from 'zod';
import { BrokerUrlError, brokerUrls } from './broker-url.ts';

/** Milliseconds by unit. */
export const MILLIS_BY_UNIT = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A number with a unit (`0s`, `1500ms`, `30m`, `1h`), as milliseconds. */
export const duration = z
  .string()
  .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, 'write a number and a unit: 90s, 30m, 12h, 30d')
  .transform((text) => {
    const [, number, unit] = /^([\d.]+)([a-z]+)$/.exec(text) ?? [];
    return Number(number) * MILLIS_BY_UNIT[unit as keyof typeof MILLIS_BY_UNIT];
  })
  .refine((millis) => millis <= 366 * MILLIS_BY_UNIT.d, 'must be at most 366d');
/** A JSON array of ids, for ids that contain a comma, or that begin or end with a space. */
const jsonIds = z
  .string()
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'not JSON' });
      return z.NEVER;
    }
  })
  .pipe(z.array(z.string().min(1)));
/** Ids of Keystone: a list separated by commas, or a JSON array. */
export const idList = z.string().transform((text, context): string[] => {
  if (!text.trimStart().startsWith('[')) {
    const listedIds = text
      .split(',')
      .map((id) => id.trim())
      .filter((id) => id !== '');
    if (listedIds.every((id) => /^[\w-]{1,64}$/.test(id))) return listedIds;
    context.addIssue({
      code: 'custom',
      message: 'write ids (not names), separated by commas',
    });
    return z.NEVER;
  }
  const parsed = jsonIds.safeParse(text);
  if (parsed.success) return parsed.data;
  context.addIssue({
    code: 'custom',
    message: 'write a list (a,b,c) or a JSON array (["a", "b"])',
  });
  return z.NEVER;
});
/** Words separated by commas. */
export const wordList = z.string().transform((text) =>
  text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== ''),
);
/** A whole number within limits. */
export const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'write a whole number')
    .transform(Number)
    .refine((number) => number >= min && number <= max, `must be from ${min} to ${max}`);
/** Numbers by service: `nova=8,neutron=4`. */
export const numberPerService = z.string().transform((text, context): Record<string, number> => {
  const parts = text.split(',').filter((part) => part.trim() !== '');
  const matches = parts.map((part) => /^\s*([a-z][a-z0-9-]*)\s*=\s*([1-9]\d{0,2})\s*$/.exec(part));
  if (matches.some((match) => match === null))
    context.addIssue({
      code: 'custom',
      message: 'write service=number pairs, for example nova=8,neutron=4',
    });
  return Object.fromEntries(
    matches.flatMap((match) => (match?.[1] ? [[match[1], Number(match[2])]] : [])),
  );
});
/** The actions that an HTTP plugin can support in addition to the cleanup. */
export const PLUGIN_ACTIONS = ['suspend', 'resume', 'provision'] as const;
export type PluginAction = (typeof PLUGIN_ACTIONS)[number];
/** One HTTP plugin in the settings. */
interface HttpPluginSetting {
  readonly name: string;
  readonly url: string;
  readonly actions: readonly PluginAction[];
}
/**
 * HTTP plugins: `NAME=URL`. If a plugin supports actions in addition to the cleanup, its name is
 * followed by these actions: `NAME+suspend+resume=URL`.
 */
export const httpPlugins = z.string().transform((text, context): HttpPluginSetting[] => {
  const parts = text.split(',').filter((part) => part.trim() !== '');
  const matches = parts.map((part) =>
    /^\s*([a-z][a-z0-9-]{1,30})((?:\+[a-z]+)*)=(https?:\/\/\S+?)\s*$/.exec(part),
  );
  if (matches.some((match) => match === null))
    context.addIssue({
      code: 'custom',
      message: 'write name=url pairs, for example billing=http://127.0.0.1:9000/tasks',
    });
  return matches.flatMap((match) => {
    const [, name, actionSuffix = '', url] = match ?? [];
    if (name === undefined || url === undefined) return [];
    const actionNames = actionSuffix.split('+').slice(1);
    const actions = PLUGIN_ACTIONS.filter((action) => actionNames.includes(action));
    const hasUnknownOrRepeatedName = actions.length < actionNames.length;
    if (hasUnknownOrRepeatedName || actions.includes('suspend') !== actions.includes('resume'))
      context.addIssue({
        code: 'custom',
        message:
          `${name}${actionSuffix}: the actions can be ${PLUGIN_ACTIONS.join(', ')}, each at most ` +
          'once; write both suspend and resume, or neither',
      });
    return [{ name, url, actions }];
  });
});
/**
 * The plans that two persons must approve. `domain`: plans of a domain. `resources=500`: plans with
 * more than 500 resources. `tag=NAME`: plans of a project with this tag.
 */
export const twoApprovers = z.string().transform((text, context) => {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const areValid = parts.every((part) => /^(domain|resources=\d{1,9}|tag=\S{1,255})$/.test(part));
  if (!areValid)
    context.addIssue({
      code: 'custom',
      message: 'write domain, resources=NUMBER and tag=NAME, separated by commas',
    });
  const textAfterSign = (part: string): string => part.slice(part.indexOf('=') + 1);
  const resourcesPart = parts.find((part) => part.startsWith('resources='));
  return {
    domain: parts.includes('domain'),
    resources: resourcesPart === undefined ? undefined : Number(textAfterSign(resourcesPart)),
    tags: parts.filter((part) => part.startsWith('tag=')).map(textAfterSign),
  };
});
/** The URLs of a broker, one per host. */
export const brokerUrlList = z.string().transform((text, context): readonly string[] => {
  try {
    return brokerUrls(text);
  } catch (thrown) {
    if (!(thrown instanceof BrokerUrlError)) throw thrown;
    context.addIssue({ code: 'custom', message: thrown.message });
    return [];
  }
});
/** An http or https URL. */
export const httpUrl = z
  .string()
  .regex(/^https?:\/\/\S+$/, 'must begin with http:// or https://')
  .refine(URL.canParse, 'is not a URL of the form https://host:port/path');
/** Scopes of Keystone tokens, separated by commas. */
export const scopes = z.string().transform((text, context): readonly string[] => {
  const parts = text.split(',').flatMap((part) => part.trim() || []);
  if (parts.length === 0 || !parts.every((part) => /^(system|(project|domain):\S+)$/.test(part)))
    context.addIssue({
      code: 'custom',
      message: 'write system, project:ID or domain:ID, separated by commas',
    });
  return parts;
});
/** API tokens with their names: `ann=TOKEN,ci=TOKEN`. */
export const namedTokens = z
  .string()
  .transform((text, context): { name: string; token: string }[] => {
    const parts = text.split(',').filter((part) => part.trim() !== '');
    const matches = parts.map((part) => /^\s*([\w.@-]{1,64})=([\w.~+/-]{32,200}=*)\s*$/.exec(part));
    if (matches.some((match) => match === null))
      context.addIssue({
        code: 'custom',
        message:
          'write name=token pairs, separated by commas; create a token: openssl rand -hex 32',
      });
    return matches.flatMap((match) =>
      match?.[1] && match[2] ? [{ name: match[1], token: match[2] }] : [],
    );
  });
